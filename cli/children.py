"""Processes that this one starts: how each begins, so that it does not outlive it, and how all end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

__all__ = ["Children", "obey_the_parent"]

_END_SECONDS = 10.0
"""For processes to end that were told to."""


class Children:
    """Processes that run a function each, until they have ended or are no longer wanted."""

    def __init__(self, daemon: bool = False) -> None:
        """None yet; with `daemon` they can start no others, and Python ends them when it ends itself."""
        self._daemon = daemon
        # Fresh ones, since a fork of a process with threads (those of XLA) may never wake up.
        self._context = multiprocessing.get_context("spawn")
        self.processes: list[BaseProcess] = []  # in the order in which they were started

    def start(self, call: Callable[..., object], *arguments: object) -> BaseProcess:
        """One that calls a function of a module with `arguments`, which are pickled."""
        process: BaseProcess = self._context.Process(target=call, args=arguments, daemon=self._daemon)
        process.start()
        self.processes.append(process)
        return process

    def end(self, seconds: float = 0.0) -> None:
        """Wait until all have ended.

        Args:
            seconds: for which they may end by themselves, before they are terminated and at last killed.
        """
        for ask in (None, BaseProcess.terminate, BaseProcess.kill):
            until = time.monotonic() + (seconds if ask is None else _END_SECONDS)
            for process in self.processes:
                if ask is not None:
                    ask(process)
            for process in self.processes:
                process.join(max(until - time.monotonic(), 0.0))


def obey_the_parent(last: Callable[[], None] = lambda: None, seconds: float = 0.0) -> None:
    """Leave Ctrl-C to the parent, which ends this process too, and end when the parent is gone.

    Even one that was killed, which ends nobody: the system closes the pipe between the two.

    Args:
        last: called before this process ends without its parent.
        seconds: for which it may still end in order then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    parent = multiprocessing.parent_process()
    assert parent is not None, "only multiprocessing starts these"

    def watch() -> None:
        parent.join()
        time.sleep(seconds)
        last()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
