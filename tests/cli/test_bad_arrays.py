"""Arrays that commands cannot take, of inputs and of data sets: one sentence, exit 2, nothing written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import INPUTS, SAMPLES, STEPS, Workspace
from .edits import edit_json
from .shell import refused
from .test_bad_files import SLOTS

GOOD = np.zeros((STEPS, SAMPLES, INPUTS), np.uint8)
SPIKES: dict[str, tuple[dict[str, Any], str]] = {
    "int64": ({"spikes": GOOD.astype(np.int64)}, "the input must be uint8 or bool, not int64"),
    "float": ({"spikes": GOOD / 1}, "the input must be uint8 or bool, not float64"),
    "two axes": ({"spikes": GOOD[0]}, "the input must have the shape [steps, batch, inputs], not [4, 6]"),
    "width": ({"spikes": GOOD[..., :5]}, "the input must have 6 channels, not 5"),
    "no steps": (
        {"spikes": GOOD[:0]},
        "the input must hold at least one step and one sample, not [0, 4, 6]",
    ),
    "scalar": (
        {"spikes": 3},
        "{bad}: `spikes` must be an array with one entry per sample, not a single value",
    ),
    "objects": (
        {"spikes": np.array([{}, None])},
        "{bad}: `spikes` must be an array of numbers; it holds Python objects or is damaged",
    ),
    "another name": ({"input": GOOD}, "{bad} must hold the arrays spikes; it holds input"),
    "nothing": ({}, "{bad} must hold the arrays spikes; it holds none"),
}


@pytest.mark.parametrize("case", SPIKES)
def test_bad_spikes(work: Workspace, tmp_path: Path, out: Path, case: str) -> None:
    arrays, message = SPIKES[case]
    bad = tmp_path / "in.npz"
    np.savez(bad, **arrays)
    assert refused(tmp_path, *SLOTS["input"](work, bad, out)) == message.format(bad=bad)


def test_spikes_above_the_input_port(work: Workspace, tmp_path: Path, out: Path) -> None:
    narrow = edit_json(work.program, tmp_path / "p.json", "graph.input.format.bits", 1)
    np.savez(tmp_path / "in.npz", spikes=GOOD + 2)
    command = ("emulate", narrow, "--input", tmp_path / "in.npz", "--out", out)
    assert refused(tmp_path, *command) == "the input must lie in 0..1, not in 2..2"


MEMBERS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda npy: npy[:-5],
    "cut header": lambda npy: npy[:60],
    "no array": lambda _npy: b"hello",
    "empty": lambda _npy: b"",
    "header": lambda npy: npy.replace(b"(10, 4, 6), }", b"(9999999999,)"),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_damaged_array_in_a_whole_archive(work: Workspace, tmp_path: Path, out: Path, case: str) -> None:
    npy = BytesIO()
    np.save(npy, GOOD)
    bad = tmp_path / "in.npz"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("spikes.npy", MEMBERS[case](npy.getvalue()))
    assert refused(tmp_path, *SLOTS["input"](work, bad, out)) == (
        f"{bad}: `spikes` must be an array of numbers; it holds Python objects or is damaged"
    )


@pytest.mark.parametrize("position", [0, 6, 8])
def test_archive_with_a_damaged_member_header(
    work: Workspace, tmp_path: Path, out: Path, position: int
) -> None:
    """The signature makes NumPy think of a pickle, the flags of encryption, the method of another packer."""
    data = bytearray(work.spikes.read_bytes())
    entry = data.index(b"PK\x01\x02")
    for place in (position, entry + position + 2) if position else (0,):
        data[place] = 99
    bad = tmp_path / "in.npz"
    bad.write_bytes(data)
    assert refused(tmp_path, *SLOTS["input"](work, bad, out)) == (
        f"{bad} must be a complete .npz file; it is truncated or of another kind"
    )


LABELS = np.arange(20) % 2
IMAGES = np.linspace(0, 1, 20 * INPUTS).reshape(20, INPUTS)
DATA: dict[str, tuple[dict[str, Any], str]] = {
    "objects": (
        {"x": np.array([{}] * 20), "y": LABELS},
        "{bad}: `x` must be an array of numbers; it holds Python objects or is damaged",
    ),
    "nan": (
        {"x": np.where(IMAGES > 0.5, np.nan, IMAGES), "y": LABELS},
        "in: training images must be finite; they hold NaN or infinity",
    ),
    "width": (
        {"x": IMAGES[:, :5], "y": LABELS},
        "the data set `in` must have 6 inputs per sample, not 5: "
        "give the one that the network was trained on with --dataset",
    ),
    "empty": (
        {"x": IMAGES[:0], "y": LABELS[:0]},
        "{bad}: images must have the shape [samples, inputs], or [samples, steps, channels] over time, "
        "with at least one of each, not [0, 6]",
    ),
    "few": (
        {"x": IMAGES[:4], "y": LABELS[:4]},
        "{bad}: `x` must hold at least 3 samples of a class, so that one in five is kept for testing; "
        "add samples or give x_train, y_train, x_test and y_test",
    ),
    "huge label": (
        {"x": IMAGES, "y": LABELS.astype(np.uint64) + np.uint64(2**63)},
        "{bad}: `y` must hold labels up to 65535, not 9223372036854775809",
    ),
}


@pytest.mark.parametrize("case", DATA)
def test_bad_data_set(work: Workspace, tmp_path: Path, out: Path, case: str) -> None:
    arrays, message = DATA[case]
    bad = tmp_path / "in.npz"
    np.savez(bad, **arrays)
    assert refused(tmp_path, *SLOTS["dataset"](work, bad, out)) == message.format(bad=bad)


def test_labels_beyond_the_network(work: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "in.npz"
    np.savez(bad, x=np.concatenate([IMAGES] * 2), y=np.arange(40) % 7)
    assert refused(tmp_path, "compare", work.model, work.program, "--dataset", bad) == (
        "labels must be below the 3 classes of the network, not 6: give the data set that it was trained on"
    )
