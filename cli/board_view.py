"""What a terminal shows of a board while it runs: outputs as they come, and how many spikes made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from expifref.files.texts import visible
from quantize.numbers.arrays import Integers

if TYPE_CHECKING:
    from rich.console import Group

    from .board_session import Moment

__all__ = ["bars", "view"]

_HEIGHTS = " ▁▂▃▄▅▆▇█"
_MOST_ROWS = 16
_MOST_STEPS = 48


def view(moment: Moment) -> Group:
    """A line of numbers, a row for each output, a row for each source of spikes."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    step = len(moment.output)
    head = f"sample {moment.sample + 1} of {moment.samples}   step {step} of {moment.steps}"
    label = f"   label {moment.label}" if moment.label else ""
    sums, window = moment.output.sum(axis=0), moment.output[-_MOST_STEPS:]
    leads = int(sums.argmax())
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for unit in range(min(len(sums), _MOST_ROWS)):
        trace = "".join(".|"[int(value)] for value in window[:, unit]) if moment.binary else ""
        style = "bold" if unit == leads else ""
        table.add_row(
            f"{'>' if unit == leads else ' '} {unit}",
            f"{sums[unit]:,}",
            trace or bars(window[:, unit], window.min(), window.max()),
            style=style,
        )
    if len(sums) > _MOST_ROWS:
        table.add_row(f"  and {len(sums) - _MOST_ROWS:,} more")
    for name, counts in moment.activity.items():
        seen = counts[:step]
        last = f"{seen[-1]:,} {'events' if name == 'input' else 'spikes'}"
        table.add_row(Text(visible(name)), last, bars(seen[-_MOST_STEPS:], 0, counts.max()), style="dim")
    return Group(Text(f"{head}{label}   differing bits {moment.differing_bits}"), table)


def bars(values: Integers, low: int | np.int64, high: int | np.int64) -> str:
    """A character for each of `values`, as high as they are between `low` and `high`."""
    span = max(int(high) - int(low), 1)
    places = (values - low) * (len(_HEIGHTS) - 1) // span
    return "".join(_HEIGHTS[int(place)] for place in places.clip(0, len(_HEIGHTS) - 1))
