"""What a process does first that another one of this program has started, so that it does not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable

__all__ = ["obey_the_parent"]


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
