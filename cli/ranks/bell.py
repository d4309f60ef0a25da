"""A bell that calls the main thread, whatever it is busy with: the ranks cannot go on."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from expifref.exceptions import ExpifrefError

__all__ = ["Bell", "heard"]


class Bell:
    """Rung by the threads that listen to other ranks; the first reason is kept, and called once."""

    def __init__(self) -> None:
        self.reason: ExpifrefError | None = None
        self._mute = False
        self.called = False  # whether the main thread has heard it
        self._lock = threading.Lock()

    def ring(self, reason: ExpifrefError) -> None:
        """Raise KeyboardInterrupt in the main thread."""
        with self._lock:
            if self._mute or self.reason is not None:
                return
            self.reason = reason
        main = threading.main_thread().ident
        assert main is not None
        # To the thread and not the process, so that what it waits for in the system ends too.
        signal.pthread_kill(main, signal.SIGURG)

    def mute(self) -> None:
        """Call nobody from now on."""
        with self._lock:
            self._mute = True

    def answer(self, _number: int, _frame: FrameType | None) -> None:
        """What the main thread does when it is called, once."""
        # One that handles an error is on its way out, and what it cleans up there must not be cut short.
        if self.reason is None or self._mute or self.called or sys.exception() is not None:
            return
        self.called = True
        raise KeyboardInterrupt


@contextmanager
def heard() -> Iterator[Bell]:
    """A bell that is heard in here; must be entered in the main thread.

    The signal is SIGURG: unlike SIGINT nobody has it ignored, and when it comes too late nothing happens.
    What is raised is KeyboardInterrupt, since no `except Exception` on the way may take it for an error of
    its own. Compiled code sometimes makes another error of it, such as one of an import.

    Raises:
        ExpifrefError: the bell was rung.
    """
    bell = Bell()
    before = signal.signal(signal.SIGURG, bell.answer)
    try:
        yield bell
    except BaseException:
        if bell.called and bell.reason is not None:
            raise bell.reason from None
        raise
    finally:
        signal.signal(signal.SIGURG, before)
