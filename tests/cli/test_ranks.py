"""Ranks that meet on the loopback: the same bytes as one process, and a sentence when they cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantize.program_io import load_program

from .conftest import Workspace
from .shell import Outcome, expifref, refused

SECONDS = 300
"""More than any of this takes; a test that comes so far has found a hang."""


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def start(*arguments: object, devices: int = 1, **environment: str) -> subprocess.Popen[str]:
    settings = {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        "EXPIFREF_JOIN_SECONDS": "60",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings, **environment},
    )


def ended(ranks: Iterable[subprocess.Popen[str]]) -> list[Outcome]:
    outcomes = []
    for process in ranks:
        out, err = process.communicate(timeout=SECONDS)
        outcomes.append(Outcome(process.returncode, out, err))
    return outcomes


def run_ranks(*commands: tuple[object, ...], devices: int = 1) -> list[Outcome]:
    """What becomes of each of `commands`, the first as rank 0."""
    meet = ("--distributed", free_address(), "--ranks", len(commands))
    return ended([start(*c, *meet, "--rank", k, devices=devices) for k, c in enumerate(commands)])


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_devices_and_ranks_change_no_byte(work: Workspace, devices: int) -> None:
    command = ("verify", work.program, "--executor", "jax", "--samples", 2100, "--json")
    wanted = expifref(*command)
    assert wanted.code == 0
    assert wanted.json["executors"]["jax"]["samples"] == 2100
    (alone,) = ended([start(*command, devices=devices)])
    first, second = run_ranks(command, command, devices=devices)
    assert alone == first == wanted
    assert second == Outcome(0, "", "")


def test_ranks_with_processes_of_their_own_find_the_same_difference(work: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    assert (
        expifref("quantize", work.model, "--dataset", work.data, "--weight-bits", 5, "--out", other).code == 0
    )
    command = ("verify", other, "--executor", work.deployment, "--samples", 5000, "--json")
    wanted = expifref(*command)
    assert wanted.code == 1
    first, second = run_ranks((*command, "--processes", 2), command)
    assert first == wanted
    assert second == Outcome(1, "", "")


def recorded(work: Workspace, path: Path) -> Path:
    """Inputs of three ranges of samples."""
    port = load_program(work.program).input
    np.save(path, np.random.default_rng(3).integers(0, port.hi + 1, (4, 2500, port.channels), np.uint8))
    return path


def test_ranks_compare_to_the_same_bytes(work: Workspace, tmp_path: Path) -> None:
    inputs = recorded(work, tmp_path / "spikes.npy")
    command = ("compare", work.model, work.program, "--input", inputs, "--json")
    first, second = run_ranks(command, command)
    assert first == expifref(*command)
    assert second == Outcome(0, "", "")


@pytest.mark.parametrize("processes", [1, 2])
def test_ranks_keep_the_same_totals(work: Workspace, processes: int, tmp_path: Path) -> None:
    inputs = recorded(work, tmp_path / "spikes.npy")
    command = ("emulate", work.program, "--input", inputs, "--totals", "--out")
    assert expifref(*command, tmp_path / "alone").code == 0
    shared = (*command, tmp_path / "ranks", "--processes", processes)
    first, second = run_ranks(shared, shared)
    assert (first.code, first.err) == (0, "")
    assert second == Outcome(0, "", "")
    alone, ranks = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("alone", "ranks")
    )
    assert ranks == alone
    assert len(alone) > 3


def test_ranks_keep_totals_only(work: Workspace) -> None:
    command = ("emulate", work.program, "--dataset", work.data, "--out", "trace")
    assert refused(work.folder, *command, "--distributed", "127.0.0.1:1", "--rank", 0, "--ranks", 2) == (
        "`--distributed` shares totals only, because all that is kept goes through rank 0: "
        "give `--totals` too, or share the signals among `--processes`"
    )


def test_a_rank_more_than_there_are_samples_for(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "jax", "--samples", 3, "--json")
    first, second = run_ranks(command, command)
    assert first == expifref(*command)
    assert second == Outcome(0, "", "")


def test_what_one_rank_cannot_do_ends_all(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 3000)
    sentence = "expifref: `nowhere.json` cannot be read: No such file or directory\n"
    assert run_ranks(command, ("verify", "nowhere.json")) == [Outcome(2, "", sentence)] * 2


def test_ranks_must_run_the_same_command(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples")
    sentence = (
        "expifref: every rank must run the same command on equal files, but rank 0 came to sample 0 of 3000 "
        "and rank 1 to sample 0 of 2500: give all the same options\n"
    )
    assert run_ranks((*command, 3000), (*command, 2500)) == [Outcome(2, "", sentence)] * 2


@pytest.mark.parametrize("dead", [0, 1])
def test_a_rank_that_dies_ends_all(work: Workspace, dead: int) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 10**6)
    address = free_address()
    meet = ("--distributed", address, "--ranks", 2)
    ranks = [start(*command, *meet, "--rank", k) for k in (0, 1)]
    workers = [joined_worker(rank) for rank in ranks]
    os.kill(workers[dead], signal.SIGKILL)
    for rank, outcome in enumerate(ended(ranks)):
        assert outcome == Outcome(2, "", f"expifref: {lost(rank, 60)}\n")


def joined_worker(rank: subprocess.Popen[str]) -> int:
    """The process that works for `rank`, as soon as it reads the program, for which it must have joined."""
    children = Path(f"/proc/{rank.pid}/task/{rank.pid}/children")
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for child in children.read_text().split():
            if "pydantic_core" in Path(f"/proc/{child}/maps").read_text():
                return int(child)
        time.sleep(0.1)
    raise TimeoutError


def lost(rank: int, seconds: int) -> str:
    return (
        f"all ranks must join within {seconds} s (EXPIFREF_JOIN_SECONDS) and stay until the end, "
        f"but rank {rank} lost the others: see what they say, and start all of them again"
    )


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_JOIN_SECONDS", "1")


@pytest.mark.usefixtures("one_second")
def test_a_wrong_address_is_a_sentence(work: Workspace) -> None:
    def said(address: str, rank: int) -> str:
        options = ("--distributed", address, "--rank", rank, "--ranks", 2)
        return refused(work.folder, "verify", work.program, "--executor", "jax", *options)

    address = free_address()
    assert said(address, 1) == (
        f"rank 0 must answer at {address} within 1 s (EXPIFREF_JOIN_SECONDS), but: Connection refused; "
        "start it there, or correct `--distributed`"
    )
    assert said("nowhere.invalid:4000", 1).startswith(
        "`--distributed` must name the machine of rank 0, but `nowhere.invalid` has no address: "
    )
    assert said("192.0.2.7:4000", 0) == (
        "rank 0 must be able to listen at 192.0.2.7:4000, but: Cannot assign requested address; "
        "it runs on the machine that `--distributed` names, with a port that is free"
    )
    assert said(address, 0) == lost(0, 1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rank", 0), "`--rank` and `--ranks` belong to `--distributed HOST:PORT`: give it too"),
        (
            ("--distributed", "a:1", "--rank", 0),
            "`--distributed HOST:PORT` needs `--rank K` and `--ranks N`: give both",
        ),
        (
            ("--distributed", "a:1", "--rank", 2, "--ranks", 2),
            "`--rank` must be 0..1 with `--ranks 2`, not 2",
        ),
        (
            ("--distributed", "auto", "--ranks", 2),
            "`--distributed auto` finds rank and ranks itself: leave `--rank` and `--ranks` out",
        ),
        *(
            (
                ("--distributed", address, "--rank", 0, "--ranks", 2),
                f"`--distributed` must be `auto` or HOST:PORT with a port of 1..65535, not `{address}`",
            )
            for address in ("a", ":1", "a:", "a:0", "a:65536", "a:b")
        ),
    ],
)
def test_options_that_do_not_belong_together(
    work: Workspace, options: tuple[object, ...], sentence: str
) -> None:
    assert refused(work.folder, "verify", work.program, *options) == sentence


def test_the_time_to_join_is_a_number(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_JOIN_SECONDS", "soon")
    options = ("--distributed", "a:1", "--rank", 0, "--ranks", 2)
    assert refused(work.folder, "verify", work.program, *options) == (
        "EXPIFREF_JOIN_SECONDS must be a whole number of seconds from 1, not `soon`"
    )


def test_ranks_that_a_scheduler_names(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "jax", "--samples", 2100, "--json")
    named: dict[str, Any] = {"EXPIFREF_DISTRIBUTED": free_address(), "EXPIFREF_RANKS": "2"}
    slurm: dict[str, Any] = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    by_name = ended([start(*command, **named, EXPIFREF_RANK=str(k)) for k in (0, 1)])
    by_slurm = ended(
        [
            start(*command, "--distributed", "auto", **slurm, SLURM_PROCID=str(k), SLURM_LOCALID=str(k))
            for k in (0, 1)
        ]
    )
    assert by_name == by_slurm == [expifref(*command), Outcome(0, "", "")]
