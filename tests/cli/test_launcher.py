"""Ranks, and processes of pools and searches, that a command starts: the same bytes, and none outlives it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cli.ranks.launcher import LocalRanks
from cli.ranks.places import Place
from expifref.exceptions import ToolError
from tests.amount import some

from .conftest import Workspace
from .processes import Started, started_by, wait_until_gone
from .shell import Outcome, expifref, refused
from .test_ranks import SECONDS, ended, recorded, start

BUSY = "onnxruntime"
"""What a process that does the work of the commands below has loaded, and no other has."""


def long_work(work: Workspace, *options: object) -> tuple[object, ...]:
    return ("verify", work.program, "--executor", BUSY, "--samples", 10**6, *options)


def has_loaded(pid: int, library: str) -> bool:
    with suppress(OSError):  # it has ended
        return library in Path(f"/proc/{pid}/maps").read_text()
    return False


def processes_at_work(command: subprocess.Popen[str], count: int) -> Started:
    """All that `command` has started, once `count` of these and itself do its work."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and command.poll() is None:
        found = started_by(command.pid)
        if sum(has_loaded(pid, BUSY) for pid in (command.pid, *(pid for pid, _ in found))) >= count:
            return found
        time.sleep(0.1)
    raise TimeoutError(command.communicate(timeout=SECONDS))


def test_ranks_that_are_started_change_no_byte(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 2100, "--json")
    assert ended([start(*command, "--ranks", 3)]) == [expifref(*command)]


def test_they_keep_the_same_totals(work: Workspace, tmp_path: Path) -> None:
    inputs = recorded(work, tmp_path / "spikes.npy")
    command = ("emulate", work.program, "--input", inputs, "--totals", "--out")
    assert expifref(*command, tmp_path / "alone.npz").code == 0
    (outcome,) = ended([start(*command, tmp_path / "ranks.npz", "--ranks", 2, "--processes", 2)])
    assert (outcome.code, outcome.err) == (0, "")
    assert (tmp_path / "ranks.npz").read_bytes() == (tmp_path / "alone.npz").read_bytes()


def test_one_rank_is_this_process(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 5, "--json")
    assert expifref(*command, "--ranks", 1) == expifref(*command)
    assert expifref(*command, "--ranks", 1, "--rank", 0, "--distributed", "127.0.0.1:1") == expifref(*command)


def test_what_goes_wrong_is_said_once(work: Workspace) -> None:
    assert refused(work.folder, "verify", work.folder / "nowhere.json", "--ranks", 3) == (
        f"`{work.folder}/nowhere.json` cannot be read: No such file or directory"
    )


def test_their_number_has_a_limit(work: Workspace) -> None:
    outcome = expifref("verify", work.program, "--ranks", 513)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("expifref: invalid value for '--ranks'")


def test_they_show_no_token(work: Workspace) -> None:
    """In the list of processes, and in the environment, which the programs that they run get too."""
    command = start(*long_work(work, "--ranks", 2))
    found = processes_at_work(command, 2)
    environment = {*Path(f"/proc/{command.pid}/environ").read_bytes().split(b"\0")}
    for pid, _ in found:
        assert {*Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")} <= environment
        assert not re.search(rb"[0-9a-f]{64}", Path(f"/proc/{pid}/cmdline").read_bytes())
    command.kill()
    ended([command])
    wait_until_gone(found)


@pytest.mark.parametrize(
    "options", some([("--ranks", 2, "--processes", 2), ("--ranks", 3), ("--processes", 2)], 3)
)
def test_none_outlives_a_command_that_is_killed(work: Workspace, options: tuple[object, ...]) -> None:
    counts = dict(zip(options[::2], options[1::2], strict=True))
    command = start(*long_work(work, *options))
    found = processes_at_work(
        command, int(str(counts.get("--ranks", 1))) * int(str(counts.get("--processes", 1)))
    )
    command.kill()
    wait_until_gone(found)
    (outcome,) = ended([command])
    assert (outcome.code, outcome.out) == (128 + signal.SIGKILL, "")


def test_none_outlives_a_search_that_is_killed(work: Workspace, tmp_path: Path) -> None:
    options = ("--dataset", work.data, "--keep", "accuracy=20%", "--trials", 10**5, "--workers", 2)
    command = start("search", work.model, *options, "--out", tmp_path / "out")
    until = time.monotonic() + SECONDS
    while len(found := started_by(command.pid)) < 2 or not (tmp_path / "out" / "study.journal").exists():
        assert time.monotonic() < until
        assert command.poll() is None
        time.sleep(0.1)
    command.kill()
    wait_until_gone(found)
    assert ended([command])[0].code == 128 + signal.SIGKILL


def test_ctrl_c_ends_all(work: Workspace) -> None:
    command = start(*long_work(work, "--ranks", 2, "--processes", 2), new_session=True)
    found = processes_at_work(command, 4)
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does, to all of them
    assert ended([command]) == [Outcome(130, "", "expifref: interrupted\n")]
    wait_until_gone(found)


def test_one_that_dies_ends_all(work: Workspace) -> None:
    command = start(*long_work(work, "--ranks", 2))
    found = processes_at_work(command, 2)
    (rank,) = [pid for pid, _ in found if has_loaded(pid, BUSY)]
    os.kill(rank, signal.SIGKILL)
    sentence = "all ranks must stay until the end, but rank 1 is gone: see what it says, and start all again"
    assert ended([command]) == [Outcome(2, "", f"expifref: {sentence}\n")]
    wait_until_gone(found)


def check_often(ranks: LocalRanks) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ranks.check()
        time.sleep(0.1)


def test_one_that_does_not_start_is_missed_at_once() -> None:
    first = Place("127.0.0.1", 1, 0, 2, SECONDS)
    with LocalRanks(first, repr) as ranks, pytest.raises(ToolError) as caught:
        check_often(ranks)
    assert str(caught.value) == (
        "all ranks must start, but rank 1 ended with code 0: "
        "see whether there is memory for so many, or give fewer `--ranks`"
    )
