"""How much of its format each site uses: a histogram of the bits that values need, against the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Table
from cli.report.plots import DIFFERS, FLOAT, OTHER, names_of, plot

__all__ = ["sites"]

_LEAST = 0.04
"""Height of a bar of few values, so that none is overlooked."""

_MOST_DRAWN = 40
"""Sites in the picture; the table has all."""


def sites(facts: Facts) -> list[Part]:
    """One row for every site, and the numbers."""
    told = facts["sites"]
    found = told["sites"]
    words = (
        f"Over {told['samples']:,} samples. Grey is the format; the height of a bar "
        f"is the square root of its share of "
        "the values, and red ones do not fit. "
    ) + " ".join(
        f"{name}: {one['format']}, values need {one['bits_used']} bits at most, "
        f"{one['headroom_bits']} to spare, {one['outside']:,} of {one['values']:,} do not fit."
        for name, one in found.items()
    )
    shown = dict(list(found.items())[:_MOST_DRAWN])
    headers = (
        "site",
        "format",
        "lowest",
        "highest",
        "bits used",
        "bits to spare",
        "values",
        "do not fit",
        "ever could",
    )
    rows = [
        (
            name,
            one["format"],
            one["lowest"],
            one["highest"],
            one["bits_used"],
            one["headroom_bits"],
            one["values"],
            one["outside"],
            "yes" if one["may_saturate"] else "no, proven",
        )
        for name, one in found.items()
    ]
    return [
        Picture("sites", "Values by the bits that they need, against the format", _drawn(shown), words),
        Table("What came to each site, before it is brought into its format", headers, rows),
    ]


def _drawn(found: Mapping[str, Any]) -> Any:
    from bokeh.models import Range1d

    names = names_of(found)
    most = max(len(one["values_by_bits_needed"]) - 1 for one in found.values())
    drawn = plot(
        "bits needed",
        "",
        100 + 52 * len(names),
        y_range=names[::-1],
        x_range=Range1d(-1, most + 1),
    )
    drawn.hbar(
        y=names,
        left=0,
        right=[one["bits"] for one in found.values()],
        height=0.9,
        color=OTHER,
        fill_alpha=0.15,
    )
    bars = [
        (
            bits - 1,
            bits,
            name,
            max((count / one["values"]) ** 0.5, _LEAST),
            DIFFERS if bits > one["bits"] else FLOAT,
        )
        for name, one in zip(names, found.values(), strict=True)
        for bits, count in enumerate(one["values_by_bits_needed"])
        if count
    ]
    left, right, rows, heights, colors = (
        (list(column) for column in zip(*bars, strict=True)) if bars else [[]] * 5
    )
    drawn.quad(
        left=left,
        right=right,
        bottom=[(row, -0.42) for row in rows],
        top=[(row, -0.42 + 0.84 * height) for row, height in zip(rows, heights, strict=True)],
        fill_color=colors,
        line_color=None,
    )
    return drawn
