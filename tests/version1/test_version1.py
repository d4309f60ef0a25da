"""Programs of version 1 load, and the emulator gives the hashes that were written with them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quantize.emulator import Emulator
from quantize.program_io import program_from_json

ARCHIVE = Path(__file__).with_name("programs.zip")
with zipfile.ZipFile(ARCHIVE) as _archive:
    NAMES = sorted({name.partition("/")[0] for name in _archive.namelist()})


def read(name: str, part: str) -> bytes:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return archive.read(f"{name}/{part}")


def hashes(signals: dict[str, NDArray[np.int64]]) -> dict[str, str]:
    return {
        name: hashlib.sha256(np.ascontiguousarray(values, "<i8").tobytes()).hexdigest()
        for name, values in signals.items()
    }


def test_all_are_here() -> None:
    assert len(NAMES) == 65


@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    with np.load(io.BytesIO(read(name, "run.npz"))) as arrays:
        spikes = arrays["spikes"]
        state = {key.removeprefix("state."): arrays[key] for key in arrays.files if key != "spikes"}
    wanted = json.loads(read(name, "hashes.json"))
    start, given = Emulator(program).run(spikes), Emulator(program).run(spikes, state)
    assert hashes(dict(start.signals)) == wanted["start"]
    assert hashes(dict(start.state)) == wanted["start_state"]
    assert hashes(dict(given.signals)) == wanted["given"]
    assert hashes(dict(given.state)) == wanted["given_state"]
