"""The newest figures of `benchmarks/fpga_results.json`: one row for each part and each form of the design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NETWORK", "STEPS", "Floor", "FpgaRow", "newest"]

NETWORK = [784, 128, 10]
STEPS = 16

_PARTS = {
    "LFE5U-25F": "ecp5-25f",
    "LFE5U-85F": "ecp5-85f",
    "iCE40UP5K": "ice40-up5k",
    "XC7A35T": "artix7-35t",
}
"""How the name of a part begins -> its profile."""

_CELLS = {
    "LUT": ("TRELLIS_COMB", "ICESTORM_LC", *(f"LUT{inputs}" for inputs in range(1, 7))),
    "multipliers": ("MULT18X18D", "ICESTORM_DSP", "DSP48E1"),
    "block RAM": ("DP16KD", "ICESTORM_RAM", "RAMB36E1", "RAMB18E1"),
}
"""Cells of rows that do not sum them up."""

_Form = tuple[tuple[int, ...], bool, tuple[int, ...]]


@dataclass(frozen=True)
class Floor:
    """Clocks of an image that the hidden layer cannot go below."""

    weights: float
    updates: float


@dataclass(frozen=True)
class FpgaRow:
    """A design on a part."""

    profile: str
    form: str
    date: str
    clocks: float | None  # of an image
    mhz: float | None
    used: Mapping[str, float]  # LUT, multipliers, block RAM
    floor: Floor | None  # where there are clocks

    @property
    def per_second(self) -> float | None:
        """Images."""
        return None if self.clocks is None or self.mhz is None else self.mhz * 1e6 / self.clocks

    @property
    def per_lut(self) -> float | None:
        """Images a second for each LUT."""
        luts = self.used.get("LUT")
        return None if self.per_second is None or not luts else self.per_second / luts


def newest(results: Iterable[Mapping[str, Any]]) -> list[FpgaRow]:
    """Of each part and form the last clocks and the last placement of `NETWORK`; by part, then by form.

    Args:
        results: rows of `benchmarks/fpga.py`, the oldest first.
    """
    clocks: dict[tuple[str, _Form], Mapping[str, Any]] = {}
    placed: dict[tuple[str, _Form], Mapping[str, Any]] = {}
    for row in results:
        if row["network"] != NETWORK:
            continue
        if row["what"] == "clocks" and row["steps"] == STEPS:
            clocks[row["profile"], _form(row)] = row
        if row["what"] == "network":
            placed[_profile(row["part"]), _form(row)] = row
    order = list(_PARTS.values())
    keys = sorted({*clocks, *placed}, key=lambda key: (order.index(key[0]), key[1]))
    return [_row(key, clocks.get(key, {}), placed.get(key, {})) for key in keys]


def _row(key: tuple[str, _Form], clocks: Mapping[str, Any], placed: Mapping[str, Any]) -> FpgaRow:
    profile, form = key
    return FpgaRow(
        profile,
        _said(form),
        max(row["date"] for row in (clocks, placed) if row),
        clocks.get("clocks_per_sample", clocks.get("clocks_per_image")),
        placed.get("fmax_mhz"),
        placed["used"] if "used" in placed else _used(placed.get("cells", {})),
        _floor(form, clocks["active_inputs_per_step"]) if clocks else None,
    )


def _floor(form: _Form, active: float) -> Floor:
    (lanes, *_), hold, (pipelines, *_) = form
    hidden = NETWORK[1]
    return Floor(active * hidden / lanes * (1 if hold else STEPS), hidden * STEPS / pipelines)


def _form(row: Mapping[str, Any]) -> _Form:
    return tuple(row.get("lanes", [1])), row.get("hold", False), tuple(row.get("pipelines", [1]))


def _said(form: _Form) -> str:
    lanes, hold, pipelines = form
    said = [f"{_counts(lanes)} lanes" if max(lanes) > 1 else "smallest"]
    if max(pipelines) > 1:
        said.append(f"{_counts(pipelines)} pipelines")
    return ", ".join([*said, *(["held input"] if hold else [])])


def _counts(counts: tuple[int, ...]) -> str:
    return " and ".join(map(str, counts))


def _profile(part: str) -> str:
    return next(profile for start, profile in _PARTS.items() if part.startswith(start))


def _used(cells: Mapping[str, int]) -> dict[str, float]:
    counted = {what: sum(cells.get(name, 0) for name in names) for what, names in _CELLS.items()}
    return {what: count for what, count in counted.items() if count}
