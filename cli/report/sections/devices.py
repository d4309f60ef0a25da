"""What fits which device, with its memory, clocks and cost, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Sentence, Table
from cli.report.plots import FLOAT, OTHER, names_of, plot

__all__ = ["devices"]

_UNKNOWN = "unknown"


def devices(facts: Facts) -> list[Part]:
    """Bytes of every device, the table of estimates, what stands against a device, what was measured."""
    told = facts["devices"]
    found = told["profiles"]
    fitting = [name for name, one in found.items() if one["fits"]]
    words = (
        f"{len(fitting)} of {len(found)} devices run the program as it is: {', '.join(fitting) or 'none'}. "
        + " ".join(
            f"{name} takes {one['bytes']:,} bytes." for name, one in found.items() if one["bytes"] is not None
        )
    )
    headers = (
        "device",
        "fits",
        "cores",
        "bytes",
        "a step",
        "energy of a step",
        "clocks a sample",
        "samples a second",
    )
    rows = [(name, *_row(one)) for name, one in found.items()]
    against = [(name, limit) for name, one in found.items() for limit in one["limits"]]
    parts: list[Part] = [
        Picture(
            "devices", "Memory on each device; grey where something stands against it", _drawn(found), words
        ),
        Table(
            f"Estimates at {told['activity']:.0%} activity; of FPGAs the fastest design, by formula",
            headers,
            rows,
        ),
        Table("What stands against it", ("device", "reason"), against),
    ]
    sources = {one["energy_source"] for one in found.values() if one["energy_source"]}
    parts += [
        Sentence(f"Energy is that of synaptic events alone, from {source}.") for source in sorted(sources)
    ]
    for name, measured in facts.get("measured", {}).items():
        parts.append(Table(f"Measured on {name}", ("what", "value"), list(_flat(measured))))
    return parts


def _row(one: Mapping[str, Any]) -> Iterator[object]:
    design = one["design"] or {}
    yield "yes" if one["fits"] else "no"
    yield _known(one["cores"])
    yield _known(one["bytes"])
    yield _UNKNOWN if one["step_cost"] is None else f"{one['step_cost']:,} {one['cost_unit']}s"
    yield _UNKNOWN if one["energy_nj"] is None else f"{one['energy_nj']:,.1f} nJ"
    yield _known(design.get("clocks_per_sample"))
    yield _known(design.get("samples_per_second"))


def _known(value: object) -> object:
    return _UNKNOWN if value is None else value


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}: ")
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _drawn(found: Mapping[str, Any]) -> Any:
    from bokeh.models import Range1d

    shown = {name: one for name, one in found.items() if one["bytes"] is not None}
    names = names_of(shown)
    sizes = [one["bytes"] for one in shown.values()]
    drawn = plot(
        "bytes",
        "",
        100 + 26 * len(names),
        y_range=names[::-1],
        x_range=Range1d(0, 1.05 * max(sizes, default=1)),
    )
    drawn.hbar(
        y=names, right=sizes, height=0.7, color=[FLOAT if one["fits"] else OTHER for one in shown.values()]
    )
    drawn.xaxis.ticker.desired_num_ticks = 4
    return drawn
