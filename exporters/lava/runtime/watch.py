"""Ends processes that would wait forever: those of Lava wait for each other, also for one that failed."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

_SECONDS = 0.2


def end_with_this_process() -> None:
    """Whatever this process begins from now on ends when it does, even if it is killed."""
    os.register_at_fork(after_in_child=lambda: _in_background(_end_with, os.getppid()))


@contextmanager
def watched(processes: Sequence[BaseProcess]) -> Iterator[None]:
    """Where one of `processes` fails before the block ends, this process says why and ends."""
    done = threading.Event()
    _in_background(_end_where_one_fails, processes, done)
    try:
        yield
    finally:
        done.set()


def _in_background(what: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=what, args=arguments, daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)


def _end_where_one_fails(processes: Sequence[BaseProcess], done: threading.Event) -> None:
    while not done.wait(_SECONDS):
        for error in filter(None, map(_error_of, processes)):
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            os._exit(1)


def _error_of(process: BaseProcess) -> str | None:
    """What a process of Lava failed with, which it hands on as an attribute, or that it was killed."""
    try:
        found = getattr(process, "exception", None)
        if found is None and process.exitcode:
            return f"a process of Lava ended with code {process.exitcode}"
    except (OSError, EOFError, ValueError):  # another thread is just closing it
        return None
    return None if found is None else str(found[1])
