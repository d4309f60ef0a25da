"""Programs so wide that no spike is lost to them, and the same programs broken in one cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expifref.network.description import Description
from quantize.fidelity.causes import Cause
from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format
from quantize.program.program import Program
from tests.edits import changed, dropped
from tests.networks import lowered, own_profile

from .edits import Edit, constant, edited, frac_of, narrowed, table_values

__all__ = ["CASES", "Case", "wide_program"]

_WIDE: dict[str, Any] = {
    "weight_bits": 16,
    "accumulator_bits": 32,
    "drive_bits": 18,
    "filter_bits": 26,
    "membrane_bits": 18,
    "sum_bits": 22,
    "table_bits": 24,
    "table_segments": 8192,
    "product_bits": 54,
    "rescale": {"kind": "multiplier", "multiplier_bits": 22},
    "decay_bits": 24,
}


def wide_program(description: Description, folder: Path, **narrow: Any) -> Program:
    """`description` in wide words, except the widths given."""
    return lowered(description, own_profile(folder, **(_WIDE | narrow)))


@dataclass(frozen=True)
class Case:
    """One cause broken on purpose."""

    name: str
    cause: Cause
    widths: dict[str, Any]
    edit: Edit = lambda layer: layer
    synapse: bool | None = None  # whether the network must have one

    def program(self, description: Description, folder: Path) -> Program:
        """The broken program."""
        return edited(wide_program(description, folder, **self.widths), self.edit)


def _wrong_bias(bias: Integers, layer: UnitLayer) -> Integers:
    return bias + (1 << dropped(layer, "scaled") + frac_of(layer, "rescale")) // 32


def _wrong_reset(reset: Integers, layer: UnitLayer) -> Integers:
    return reset + (layer.constants["threshold"] - reset) // 20


def _longer_refractory(layer: UnitLayer) -> UnitLayer:
    longer = constant("refractory_steps", lambda steps, _: steps + 1)(layer)
    most = int(longer.constants["refractory_steps"].max())
    state = replace(layer.states["refractory"], format=Format(False, most.bit_length(), 0))
    return replace(longer, states=layer.states | {"refractory": state})


def _narrow_sum(layer: UnitLayer) -> UnitLayer:
    fmt = replace(layer.states["membrane"].format, bits=layer.states["membrane"].format.bits - 4)
    return changed(layer, "sum", format=fmt)


def _more(values: Integers) -> Integers:
    return values * 21 // 20


_FLOOR = {"rescale": "RND", "filter": "RND", "table": "RND", "membrane": "TRN"}

CASES = (
    Case("weights of 3 bits", Cause.WEIGHTS, {"weight_bits": 3}),
    Case("weights of 2 bits", Cause.WEIGHTS, {"weight_bits": 2}),
    Case("wrong multiplier", Cause.RESCALE, {}, constant("multiplier", lambda m, _: m * 51 // 50)),
    Case("wrong bias", Cause.RESCALE, {}, constant("bias", _wrong_bias)),
    Case("coarse filter", Cause.DRIVE, {"filter_bits": 7}, synapse=True),
    Case("wrong decay", Cause.DRIVE, {}, constant("decay", lambda decay, _: _more(decay)), synapse=True),
    Case("membrane of 10 bits", Cause.MEMBRANE, {"membrane_bits": 10}),
    Case("membrane rounded down", Cause.MEMBRANE, {"membrane_bits": 12, "rounding": _FLOOR}),
    Case("wrong reset", Cause.MEMBRANE, {}, constant("reset", _wrong_reset)),
    Case("tables of 12 segments", Cause.TABLES, {"table_segments": 12}),
    Case("wrong growth", Cause.TABLES, {}, table_values("growth", _more)),
    Case("wrong gain", Cause.TABLES, {}, table_values("gain", _more)),
    Case("longer refractory period", Cause.REFRACTORY, {}, _longer_refractory),
    Case("narrow sum", Cause.SATURATION, {}, _narrow_sum),
    Case("narrow drive", Cause.SATURATION, {}, lambda layer: narrowed(layer, layer.signals["drive"], 4)),
)
