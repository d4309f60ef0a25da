"""Every loader of a file of others: what a good file is, how it is changed, and how it is read.

Digests are made anew after a change, so that the checks behind them are reached.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.numpy
from google.protobuf.message import DecodeError

from cli.inputs import recorded_inputs
from cli.runnable import read_runnable
from expifref.data import load
from expifref.data.ts_files import read_ts
from expifref.network.model_files import ModelFile, read_model, save_model
from exporters.deployment.document import save_deployment
from exporters.deployment.make import deploy
from exporters.onnx.executor import OnnxExecutor
from exporters.onnx.program import save_program as save_onnx
from hw_profiles import check_profile, load_profile, profile_path
from quantize.fidelity import read_recording
from quantize.graph.layers import Port
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.numbers.formats import Format
from quantize.program.file import load_program, save_program
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.program.sealed import Canonical, canonical_digest, rfc8785_form, save_document, sorted_ascii
from quantize.program.version1.program import Program1
from quantize.run.emulator import Emulator
from quantize.search import Keep, Outcome, Question, Space, finished_points, front, open_study, work
from quantize.search.evaluation import Losses
from tests.networks import lowered, network
from tests.programs import random_program_1

from .mutations import changed_bytes, changed_document, changed_safetensors, nasty

__all__ = ["TARGETS", "Target"]

_SPACE = Space.of(load_profile("generic-16bit"))

Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Target:
    """A kind of file."""

    name: str  # of a good one
    make: Callable[[Path], None]
    change: Change
    read: Callable[[Path], object]


@cache
def _program() -> Program:
    return lowered(network((4, 3, 2)))


def _json(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.2:
        return changed_bytes(data, rng)
    return json.dumps(changed_document(json.loads(data), rng)).encode("utf-8", "surrogatepass")


def _sealed(canonical: Canonical) -> Change:
    def change(data: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.1:
            return changed_bytes(data, rng)
        document = changed_document(json.loads(data), rng)
        with contextlib.suppress(TypeError, ValueError):  # then it is refused by its digest
            document["digest"] = canonical_digest(document, canonical)
        return json.dumps(document).encode()

    return change


def _safetensors(document: str | None) -> Change:
    def change(data: bytes, rng: random.Random) -> bytes:
        return changed_bytes(data, rng) if rng.random() < 0.3 else changed_safetensors(data, rng, document)

    return change


def _npy(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return changed_bytes(data, rng)
    shape = tuple(rng.choice((0, 1, 2, 3, 4, -1, 2**31, 2**40, 2**62)) for _ in range(rng.randrange(5)))
    descr = rng.choice(("|u1", "<i8", "<f4", "<f8", "|b1", "|O", "<U9", ">i2", "<c16", "<M8[s]", "|V9"))
    header = f"{{'descr': {descr!r}, 'fortran_order': {rng.random() < 0.5}, 'shape': {shape}, }}"
    size = len(header).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + size + header.encode() + rng.randbytes(rng.choice((0, 8, 64, 1000)))


def _npz(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return changed_bytes(data, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            compression = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
            new.writestr(member, _npy(content, rng) if rng.random() < 0.5 else content, compression)
    return out.getvalue()


def _onnx(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return changed_bytes(data, rng)
    model = onnx.load_model_from_string(data)
    for _ in range(rng.choice((1, 1, 2))):
        _change_message(model, rng)
    try:
        return bytes(model.SerializeToString())
    except (DecodeError, ValueError, UnicodeEncodeError):
        return data


def _change_message(message: Any, rng: random.Random) -> None:
    """Change a field somewhere below `message`."""
    while True:
        fields = message.ListFields()
        if not fields:
            return
        field, value = rng.choice(fields)
        if field.type == field.TYPE_MESSAGE:
            inner = rng.choice(value) if field.is_repeated else value
            if field.is_repeated and rng.random() < 0.05:
                value.append(inner) if rng.random() < 0.5 else value.remove(inner)
                return
            message = inner
            continue
        _change_field(message, field, rng)
        return


def _change_field(message: Any, field: Any, rng: random.Random) -> None:
    put = nasty(rng)
    try:
        if not field.is_repeated:
            setattr(message, field.name, put)
            return
        values = getattr(message, field.name)
        values[rng.randrange(len(values))] = put
    except (TypeError, ValueError, UnicodeEncodeError):  # of another type: cleared instead
        message.ClearField(field.name)


def _run_onnx(path: Path) -> None:
    program = _program()
    from exporters.verification import Terms, verify

    verify(program, {"x": OnnxExecutor(path)}, [np.ones((2, 1, 4), np.uint8)], Terms(probe=False))


def _run_program(path: Path) -> None:
    program = load_program(path)
    shape = (2, 1, program.graph.input.channels)
    Emulator(program).run(np.full(shape, program.graph.input.format.hi, np.uint8))


def _make_deployment(path: Path) -> None:
    program = _program()
    save_deployment(deploy(program.graph, label_of(program), load_profile("generic-16bit")), path)


def _lower_model(path: Path) -> None:
    description = read_model(path).description
    spikes = np.ones((3, 2, description.inputs), np.uint8)
    lower(description, calibrate(description, [spikes]), load_profile("generic-16bit"))


def _make_journal(path: Path) -> None:
    _work(_join(path), 3)


def _join(path: Path) -> Any:
    question = Question("0" * 64, "generic-16bit", "0" * 64, "digits", "0" * 64, 4, "accuracy=1%", 0)
    return open_study(str(path), "study", question, _SPACE)


def _journal(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.2:
        return changed_bytes(data, rng)
    lines = data.splitlines()
    place = rng.randrange(len(lines))
    lines[place] = json.dumps(changed_document(json.loads(lines[place]), rng)).encode()
    if rng.random() < 0.2:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"\n".join(lines) + b"\n"


def _search_on(path: Path) -> None:
    study = _join(path)
    _work(study, 4)
    front(finished_points(study), Keep.parse("accuracy=1%"))


def _work(study: Any, trials: int) -> None:
    outcome = Outcome(5, 7, Losses(0.5, 0.5, 0.1), "x")
    work(study, _SPACE, Keep.parse("accuracy=1%"), trials, lambda _point: outcome)


def _make_recording(path: Path) -> None:
    run = Emulator(_program()).run(np.ones((3, 2, 4), np.uint8))
    arrays = {name: values.astype(np.int32) for name, values in run.signals.items()}
    if path.suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        safetensors.numpy.save_file(arrays, path)


def _make_data(path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.random((30, 4), np.float32), y=np.arange(30) % 3)


def _make_series(path: Path) -> None:
    samples = ("1,2,3:4,5,6:a", "1,2:3,4:b", "0.5,-1e-3:7,8:a")
    path.write_text(
        "\n".join(("# two channels", "@univariate false", "@classLabel true a b", "@data", *samples))
    )


def _make_events(path: Path) -> None:
    path.write_bytes(bytes((3, 4, 0x80, 1, 2, 33, 33, 0, 200, 7, 0, 240, 0, 0, 0, 1, 1, 1, 0, 9)))


def _read_events(path: Path) -> None:
    """As the only recording of each part of N-MNIST."""
    folder = path.parent / "n-mnist"
    for part in ("Train", "Test"):
        recording = folder / part / "3" / path.name
        recording.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, recording)
    load("n-mnist", folder)


TARGETS: Mapping[str, Target] = {
    "profile": Target(
        "own.json", lambda p: (shutil.copy(profile_path("cortex-m4"), p), None)[1], _json, check_profile
    ),
    "program": Target(
        "program.json", lambda p: save_program(_program(), p), _sealed(rfc8785_form), _run_program
    ),
    "program 1": Target(
        "program.json",
        lambda p: save_document(Program1, random_program_1(3, layers=3, readout=True), p),
        _sealed(sorted_ascii),
        _run_program,
    ),
    "deployment": Target("deployment.json", _make_deployment, _sealed(rfc8785_form), read_runnable),
    "model": Target(
        "model.safetensors",
        lambda p: save_model(p, ModelFile(network((4, 3, 2)))),
        _safetensors("expifref-model"),
        _lower_model,
    ),
    "dataset": Target("data.npz", _make_data, _npz, load),
    "recording": Target("trace.npz", _make_recording, _npz, lambda p: read_recording(p, _program())),
    "recorded tensors": Target(
        "trace.safetensors", _make_recording, _safetensors(None), lambda p: read_recording(p, _program())
    ),
    "input": Target(
        "input.npy",
        lambda p: np.save(p, np.ones((3, 2, 4), np.uint8)),
        _npy,
        lambda p: recorded_inputs(p, Port(4, Format(False, 1, 0)), None),
    ),
    "journal": Target("study.journal", _make_journal, _journal, _search_on),
    "series": Target("series.ts", _make_series, changed_bytes, read_ts),
    "events": Target("00002.bin", _make_events, changed_bytes, _read_events),
    "onnx": Target("network.onnx", lambda p: save_onnx(_program(), "sequence", p), _onnx, _run_onnx),
}
