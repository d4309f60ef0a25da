"""Looking at processes of this machine: which ones another one has started, and which are still there."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

__all__ = ["Started", "started_by", "wait_until_gone"]

SECONDS = 120
"""More than any end takes; a test that comes so far has found a process that stays."""

Started = frozenset[tuple[int, str]]
"""Numbers of processes, each with the time of its start: a number may be given again."""


def started_by(pid: int) -> Started:
    """What the process, and those that it has started, have started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            _state, parent, start = _stat(int(path.name))
            parents[int(path.name)] = (parent, start)
    found, level = set(), {pid}
    while level:
        level = {child for child, (parent, _) in parents.items() if parent in level}
        found |= {(child, parents[child][1]) for child in level}
    return frozenset(found)


def wait_until_gone(processes: Started) -> None:
    """Return when none of `processes` runs; AssertionError for one that stays."""
    until = time.monotonic() + SECONDS
    while left := [process for process in processes if _runs(*process)]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def _runs(pid: int, start: str) -> bool:
    try:
        state, _parent, started = _stat(pid)
    except OSError:
        return False
    return started == start and state not in "ZX"


def _stat(pid: int) -> tuple[str, int, str]:
    # The name of the program stands in parentheses and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[1]), fields[19]
