"""The main thread is called from whatever it is busy with, once, and not when it has ended its work."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from cli.ranks.bell import Bell, heard
from expifref.exceptions import DataError, ToolError

REASON = ToolError("rank 1 is gone")
SECONDS = 60
"""More than any of this takes; a test that comes so far has found a hang."""


def count() -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pass


def wait_for_a_program() -> None:
    subprocess.run([sys.executable, "-c", f"import time; time.sleep({SECONDS})"], check=True)


def listen(work: Callable[[Bell], object]) -> None:
    with heard() as bell:
        work(bell)


def interrupted(work: Callable[[Bell], object]) -> ToolError:
    """Why `work` was."""
    with pytest.raises(ToolError) as caught:
        listen(work)
    return caught.value


@pytest.mark.parametrize(
    "busy",
    [
        count,
        wait_for_a_program,
        lambda: time.sleep(SECONDS),
        lambda: SimpleQueue[None]().get(timeout=SECONDS),
        lambda: threading.Event().wait(SECONDS),
    ],
    ids=["counting", "a program", "sleeping", "a queue", "an event"],
)
def test_it_is_heard_in_all_work(busy: Callable[[], object]) -> None:
    before = signal.getsignal(signal.SIGURG)
    start = time.monotonic()

    def work(bell: Bell) -> None:
        threading.Timer(0.2, bell.ring, (REASON,)).start()
        busy()

    assert interrupted(work) is REASON
    assert time.monotonic() - start < SECONDS
    assert signal.getsignal(signal.SIGURG) is before


def test_no_other_error_is_made_of_it() -> None:
    """Such as that of an executor which may fail."""
    taken: list[Exception] = []

    def work(bell: Bell) -> None:
        try:
            bell.ring(REASON)
            time.sleep(SECONDS)
        except (ToolError, RuntimeError, OSError) as error:
            taken.append(error)

    assert interrupted(work) is REASON
    assert taken == []


def test_an_error_that_is_made_of_it_is_none() -> None:
    """As by extensions that are interrupted while they are loaded."""

    def work(bell: Bell) -> None:
        try:
            bell.ring(REASON)
            time.sleep(SECONDS)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    assert interrupted(work) is REASON


def test_it_calls_once() -> None:
    cleaned = []

    def work(bell: Bell) -> None:
        try:
            bell.ring(REASON)
            time.sleep(SECONDS)
        finally:
            bell.ring(DataError("another reason"))
            signal.raise_signal(signal.SIGURG)
            cleaned.append(True)

    assert interrupted(work) is REASON
    assert cleaned == [True]


def test_a_mute_one_is_not_heard() -> None:
    with heard() as bell:
        bell.mute()
        bell.ring(REASON)
        assert bell.reason is None


def test_one_that_is_late_is_not_heard() -> None:
    with heard() as bell:
        pass
    bell.ring(REASON)
    signal.raise_signal(signal.SIGURG)


def test_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), heard():
        raise KeyboardInterrupt
    with pytest.raises(DataError), heard():
        raise DataError("a")


def test_a_bell_alone_has_no_reason() -> None:
    assert Bell().reason is None


def test_cleaning_after_another_error_is_not_cut_short() -> None:
    """What a rank is told raises in it, and rings too: what comes second must not keep files from going."""
    cleaned = []

    def work(bell: Bell) -> None:
        try:
            raise DataError("what it was told")
        finally:
            bell.ring(REASON)
            time.sleep(0.1)
            cleaned.append(True)

    with pytest.raises(DataError, match="what it was told"):
        listen(work)
    assert cleaned == [True]
