"""Ends processes that would wait forever: those of Lava wait for each other, also for one that failed."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable

_SECONDS = 0.2


def watch_processes() -> None:
    """Of what this process begins from now on: it ends with this one, and this one where it fails."""
    os.register_at_fork(after_in_child=lambda: _in_background(_end_with, os.getppid()))
    _in_background(_end_where_one_fails)


def _in_background(what: Callable[..., None], *arguments: int) -> None:
    threading.Thread(target=what, args=arguments, daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)


def _end_where_one_fails() -> None:
    known: set[multiprocessing.process.BaseProcess] = set()
    while True:
        known.update(multiprocessing.active_children())
        for error in map(_error_of, known):
            if error:
                sys.stderr.write(f"{error}\n")
                sys.stderr.flush()
                os._exit(1)
        time.sleep(_SECONDS)


def _error_of(process: multiprocessing.process.BaseProcess) -> str | None:
    """What a process of Lava failed with."""
    try:
        found = getattr(process, "exception", None)
    except (OSError, EOFError):  # it is just being closed
        return None
    return None if found is None else str(found[1])
