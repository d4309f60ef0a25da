"""Ranks that meet on the loopback: the same bytes as one process, and a sentence when they cannot."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.agreement import about_inputs
from cli.inputs import recorded_inputs
from exporters.tools import override_name
from exporters.ways import ZIG
from quantize.program.file import digest, load_program
from tests.amount import some
from tests.tools import need

from .conftest import Workspace
from .ranks.test_wire import Hostile
from .shell import Outcome, expifref, refused, succeeds

SECONDS = 300
"""More than any of this takes; a test that comes so far has found a hang."""

TOKEN = "t0" * 16


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def start(
    *arguments: object, devices: int = 1, new_session: bool = False, **environment: str
) -> subprocess.Popen[str]:
    settings = {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        "EXPIFREF_JOIN_SECONDS": "60",
        "EXPIFREF_TOKEN": TOKEN,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings, **environment},
        start_new_session=new_session,
    )


def ended(ranks: Iterable[subprocess.Popen[str]]) -> list[Outcome]:
    outcomes = []
    for process in ranks:
        out, err = process.communicate(timeout=SECONDS)
        # Python may end itself by the signal that it was interrupted with: the same to whoever asks a shell.
        code = process.returncode
        outcomes.append(Outcome(code if code >= 0 else 128 - code, out, err))
    return outcomes


def run_ranks(*commands: tuple[object, ...], devices: int = 1) -> list[Outcome]:
    """What becomes of each of `commands`, the first as rank 0."""
    meet = ("--distributed", free_address(), "--ranks", len(commands))
    return ended([start(*c, *meet, "--rank", k, devices=devices) for k, c in enumerate(commands)])


@dataclass(frozen=True)
class Verification:
    """A command of three ranges of samples, and what it says in one process with one device."""

    command: tuple[object, ...]
    wanted: Outcome


def verification_by(executor: str, work: Workspace) -> Verification:
    command = ("verify", work.program, "--executor", executor, "--samples", 2100, "--json")
    wanted = expifref(*command)
    assert wanted.code == 0
    assert wanted.json["executors"][executor]["samples"] == 2100
    return Verification(command, wanted)


@pytest.fixture(scope="module")
def verification(work: Workspace) -> Verification:
    """By an executor that starts at once."""
    return verification_by("deployment", work)


@pytest.fixture(scope="module")
def by_jax(work: Workspace) -> Verification:
    return verification_by("jax", work)


@pytest.mark.parametrize("devices", some([1, 2, 4], 2))
def test_devices_and_ranks_change_no_byte(by_jax: Verification, devices: int) -> None:
    command = by_jax.command
    if devices > 1:
        assert ended([start(*command, devices=devices)]) == [by_jax.wanted]
    first, second = run_ranks(command, command, devices=devices)
    assert first == by_jax.wanted
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


def recorded(work: Workspace, path: Path, steps: int = 4, samples: int = 2500) -> Path:
    """Inputs, of three ranges of samples by default."""
    port = load_program(work.program).graph.input
    shape = (steps, samples, port.channels)
    np.save(path, np.random.default_rng(3).integers(0, port.format.hi + 1, shape, np.uint8))
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
    sentence = (
        "ranks share totals only, because all that is kept goes through rank 0: "
        "give `--totals` too, or share the signals among `--processes`"
    )
    for options in (("--distributed", "127.0.0.1:1", "--rank", 0, "--ranks", 2), ("--ranks", 2)):
        assert refused(work.folder, *command, *options) == sentence


def test_a_rank_more_than_there_are_samples_for(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 3, "--json")
    first, second = run_ranks(command, command)
    assert first == expifref(*command)
    assert second == Outcome(0, "", "")


def test_what_one_rank_cannot_do_ends_all(work: Workspace) -> None:
    command = ("verify", work.program, "--executor", "deployment", "--samples", 3000)
    sentence = "expifref: `nowhere.json` cannot be read: No such file or directory\n"
    assert run_ranks(command, ("verify", "nowhere.json")) == [Outcome(2, "", sentence)] * 2


def unequal(what: str, first: object, second: object) -> list[Outcome]:
    """How two ranks end that differ in `what`."""
    sentence = (
        f"expifref: every rank must run the same command on equal files, but {what} is {first} in rank 0 "
        f"and {second} in rank 1: give all the same\n"
    )
    return [Outcome(2, "", sentence)] * 2


@dataclass(frozen=True)
class Unequal:
    """Two commands, and what differs between them."""

    first: tuple[object, ...]
    second: tuple[object, ...]
    what: str
    values: tuple[object, object]


UNEQUAL = ("command", "samples", "seed", "reference", "program", "executor", "file")


@pytest.fixture(params=UNEQUAL)
def pair(work: Workspace, tmp_path: Path, request: pytest.FixtureRequest) -> Unequal:
    other: tuple[object, ...]
    command = ("verify", work.program, "--executor", "deployment")
    spikes = recorded(work, tmp_path / "spikes.npy")
    emulation = ("emulate", work.program, "--input", spikes, "--totals", "--out", tmp_path / "out")
    match request.param:
        case "command":
            return Unequal(emulation, command, "the command", ("emulate", "verify"))
        case "samples":
            sizes = (3000, 2500)
            first, second = ((*command, "--samples", size) for size in sizes)
            return Unequal(first, second, "the number of samples", sizes)
        case "seed":
            return Unequal(command, (*command, "--seed", 1), "the seed", (0, 1))
        case "reference":
            other = (*command, "--reference", "jax")
            return Unequal(command, other, "the reference", ("emulator", "jax"))
        case "program":
            narrow = tmp_path / "narrow.json"
            made = ("quantize", work.model, "--dataset", work.data, "--weight-bits", 5, "--out", narrow)
            assert expifref(*made).code == 0
            digests = [digest(load_program(path)) for path in (work.program, narrow)]
            other = ("emulate", narrow, *emulation[2:])
            return Unequal(emulation, other, "the program", (digests[0], digests[1]))
        case "executor":
            other = (*emulation, "--executor", "jax")
            return Unequal(emulation, other, "the executor", ("auto", "jax"))
        case _:
            changed = np.load(spikes)
            changed[-1, -1, -1] ^= 1
            np.save(tmp_path / "changed.npy", changed)
            what, port = "the digest of the inputs", load_program(work.program).graph.input
            files = [recorded_inputs(tmp_path / f"{name}.npy", port, None) for name in ("spikes", "changed")]
            digests = [str(about_inputs(file)[what]) for file in files]
            other = (*emulation[:3], tmp_path / "changed.npy", *emulation[4:])
            return Unequal(emulation, other, what, (digests[0], digests[1]))


def test_ranks_must_run_the_same_command_on_equal_files(pair: Unequal, tmp_path: Path) -> None:
    assert run_ranks(pair.first, pair.second) == unequal(pair.what, *pair.values)
    assert not (tmp_path / "out").exists()


def test_ranks_verify_on_the_same_data_set(work: Workspace, tmp_path: Path) -> None:
    with np.load(work.data) as arrays:
        np.savez(tmp_path / "other.npz", x=arrays["x"][::-1], y=arrays["y"])
    command = ("verify", work.program, "--executor", "deployment", "--dataset")
    first, second = run_ranks((*command, work.data), (*command, tmp_path / "other.npz"))
    assert first == second
    assert "but the digest of the inputs is " in first.err


def test_ranks_compare_the_same_recording(work: Workspace, tmp_path: Path) -> None:
    inputs = recorded(work, tmp_path / "spikes.npy")
    succeeds("emulate", work.program, "--input", inputs, "--out", tmp_path / "first.npz")
    with np.load(tmp_path / "first.npz") as arrays:
        signals = dict(arrays)
    signals["readout"][0, 0, 0] += 1
    np.savez(tmp_path / "second.npz", **signals)
    command = ("compare", work.model, work.program, "--input", inputs, "--trace")
    first, second = run_ranks((*command, tmp_path / "first.npz"), (*command, tmp_path / "second.npz"))
    assert first == second
    assert "but the digest of the recorded signals is " in first.err


@pytest.mark.parametrize("lacking", [0, 1])
def test_all_ranks_run_one_executor(work: Workspace, tmp_path: Path, lacking: int) -> None:
    """The one that the first chooses, unless a rank cannot have it."""
    need("gcc")
    inputs = recorded(work, tmp_path / "spikes.npy", steps=250)
    command = ("emulate", work.program, "--input", inputs, "--totals", "--json", "--out", tmp_path / "out")
    assert succeeds(*command).json["executor"] == "native"
    meet = ("--distributed", free_address(), "--ranks", 2)
    without: dict[str, Any] = {override_name(name): "/nowhere" for name in ("gcc", ZIG)}
    ranks = [start(*command, *meet, "--rank", k, **(without if k == lacking else {})) for k in (0, 1)]
    first, second = ended(ranks)
    assert (first.code, first.err) == (0, "")
    assert (first.json["executor"], first.json["because"]) == ("jax", "native code cannot be built here")
    assert second == Outcome(0, "", "")


@pytest.mark.parametrize("dead", [0, 1])
def test_a_rank_that_dies_ends_all(work: Workspace, dead: int) -> None:
    command = ("verify", work.program, "--executor", "onnxruntime", "--samples", 10**6)
    meet = ("--distributed", free_address(), "--ranks", 2)
    ranks = [start(*command, *meet, "--rank", k) for k in (0, 1)]
    for rank in ranks:
        wait_for_work(rank)
    ranks[dead].kill()
    outcomes = ended(ranks)
    assert outcomes[dead] == Outcome(128 + signal.SIGKILL, "", "")
    assert outcomes[1 - dead] == Outcome(
        2,
        "",
        f"expifref: all ranks must stay until the end, but rank {dead} is gone: "
        "see what it says, and start all again\n",
    )


@pytest.mark.parametrize("interrupted", [0, 1])
def test_ctrl_c_in_one_rank_ends_all(work: Workspace, interrupted: int, tmp_path: Path) -> None:
    inputs = recorded(work, tmp_path / "spikes.npy", samples=10**6)
    command = ("emulate", work.program, "--input", inputs, "--totals", "--executor", "emulator", "--out")
    meet = ("--distributed", free_address(), "--ranks", 2)
    ranks = [start(*command, tmp_path / "out", *meet, "--rank", k) for k in (0, 1)]
    wait_for_first_totals(tmp_path)
    ranks[interrupted].send_signal(signal.SIGINT)
    outcomes = ended(ranks)
    assert outcomes[interrupted] == Outcome(130, "", "expifref: interrupted\n")
    assert outcomes[1 - interrupted] == Outcome(
        2,
        "",
        f"expifref: all 2 ranks must run to the end, but rank {interrupted} ended with KeyboardInterrupt\n",
    )
    assert list(tmp_path.iterdir()) == [inputs]


def wait_for_first_totals(folder: Path) -> None:
    """Until there are some beside `out`: both ranks have given the first ones then."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with suppress(OSError, ValueError):  # of a file that is being made
            if any(np.load(path, mmap_mode="r").any() for path in folder.glob(".out*/new/output.npy")):
                return
        time.sleep(0.1)
    raise TimeoutError(folder)


def wait_for_work(rank: subprocess.Popen[str]) -> None:
    """Until `rank` makes its executor, for which all must have joined."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and rank.poll() is None:
        with suppress(OSError):  # of a process that has ended meanwhile
            if "onnxruntime" in Path(f"/proc/{rank.pid}/maps").read_text():
                return
        time.sleep(0.1)
    raise TimeoutError(rank.communicate(timeout=SECONDS))


def test_ranks_that_a_scheduler_names(verification: Verification) -> None:
    command = verification.command
    named: dict[str, Any] = {"EXPIFREF_DISTRIBUTED": free_address(), "EXPIFREF_RANKS": "2"}
    slurm: dict[str, Any] = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    by_name = ended([start(*command, **named, EXPIFREF_RANK=str(k)) for k in (0, 1)])
    by_slurm = ended(
        [
            start(*command, "--distributed", "auto", **slurm, SLURM_PROCID=str(k), SLURM_LOCALID=str(k))
            for k in (0, 1)
        ]
    )
    assert by_name == by_slurm == [verification.wanted, Outcome(0, "", "")]


def test_a_third_one_with_a_wrong_token_is_turned_away(verification: Verification, tmp_path: Path) -> None:
    """And what it says besides is not run; the two others give the bytes of one process."""
    command, address = verification.command, free_address()
    meet = (*command, "--distributed", address, "--ranks", 2, "--rank")
    first = start(*meet, 0)
    (stranger,) = ended([start(*meet, 1, EXPIFREF_TOKEN="t1" * 16)])
    assert stranger == Outcome(
        2,
        "",
        f"expifref: rank 0 at {address} must know the same token as rank 1, but does not: "
        "give all ranks the same one\n",
    )
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(pickle.dumps(Hostile(tmp_path / "executed")))
        assert ended([first, start(*meet, 1)]) == [verification.wanted, Outcome(0, "", "")]
    assert not (tmp_path / "executed").exists()
