"""Signals recorded elsewhere, compared with the float network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from expifref.exceptions import DataError
from quantize.fidelity import compare
from quantize.fidelity.recorded import compare_recording, read_recording
from quantize.run.emulator import Emulator
from tests.networks import lowered, network, spike_input

NETWORK = network((8, 16, 12, 3), tau_synapse=None)
SPIKES = spike_input(NETWORK, steps=40, batch=12)
PROGRAM = lowered(NETWORK, "generic-8bit")
SIGNALS = Emulator(PROGRAM).run(SPIKES).signals
LABELS = np.arange(12) % 3


def write(path: Path, arrays: Mapping[str, NDArray[np.int64]]) -> Path:
    """Arrays as they would come from a device: in a narrow type."""
    narrow: dict[str, Any] = {name: array.astype(np.int32) for name, array in arrays.items()}
    if not path.suffix:
        path.mkdir()
        for name, array in narrow.items():
            np.save(path / f"{name}.npy", array)
    elif path.suffix == ".safetensors":
        safetensors.numpy.save_file(narrow, path)
    else:
        np.savez(path, **narrow)
    return path


@pytest.mark.parametrize("name", ["trace.npz", "trace.safetensors", "trace"])
def test_the_programs_own_signals_compare_like_the_program(name: str, tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / name, SIGNALS), PROGRAM)
    assert (recording.steps, recording.samples) == (40, 12)
    batches = [(SPIKES[:, :7], LABELS[:7]), (SPIKES[:, 7:], LABELS[7:])]
    found = compare_recording(NETWORK, PROGRAM, recording, batches)
    wanted = compare(NETWORK, PROGRAM, batches)
    assert found.differing_values == 0
    assert found.first == wanted.first
    assert found.integer_score.right == wanted.integer_score.right
    assert [layer.spikes for layer in found.layers] == [layer.spikes for layer in wanted.layers]
    assert [layer.rmse for layer in found.layers] == [layer.rmse for layer in wanted.layers]


def test_spikes_alone_are_enough(tmp_path: Path) -> None:
    spikes = {name: array for name, array in SIGNALS.items() if name.endswith(".spikes")}
    recording = read_recording(write(tmp_path / "trace.npz", spikes), PROGRAM)
    found = compare_recording(NETWORK, PROGRAM, recording, [(SPIKES, LABELS)])
    wanted = compare(NETWORK, PROGRAM, [(SPIKES, LABELS)])
    assert not found.predicted
    assert found.spike_difference == wanted.spike_difference
    assert found.membrane_rmse == 0
    assert found.first is not None
    assert found.first.integer_membrane is None
    assert found.float_score.right == wanted.float_score.right


def test_a_record_that_is_not_the_programs_has_no_cause(tmp_path: Path) -> None:
    wrong = dict(SIGNALS)
    wrong["layer0.spikes"] = SIGNALS["layer0.spikes"].copy()
    wrong["layer0.spikes"][0, 3, 5] ^= 1
    recording = read_recording(write(tmp_path / "trace.npz", wrong), PROGRAM)
    found = compare_recording(NETWORK, PROGRAM, recording, [(SPIKES, None)])
    assert found.differing_values == 1
    first = found.first
    assert first is not None
    assert (first.step, first.layer, first.sample, first.neuron) == (0, "layer0", 3, 5)
    assert first.attribution is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"layer1.spikes": SIGNALS["layer1.spikes"][:, :, :5]},
            "`layer1.spikes` must be integers of the shape [steps, batch, 12], as all of the file, "
            "not int32 of the shape [40, 12, 5]",
        ),
        (
            {"layer1.membrane": SIGNALS["layer1.membrane"][:9]},
            "`layer1.membrane` must be integers of the shape [steps, batch, 12], as all of the file, "
            "not int32 of the shape [9, 12, 12]",
        ),
    ],
)
def test_arrays_of_another_shape_are_refused(
    change: dict[str, NDArray[np.int64]], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "trace.npz", SIGNALS | change)
    with pytest.raises(DataError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read_recording(path, PROGRAM)


def test_floats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    floats: dict[str, Any] = {name: array.astype(np.float32) for name, array in SIGNALS.items()}
    np.savez(path, **floats)
    with pytest.raises(DataError, match=r"`layer0\.spikes` must be integers"):
        read_recording(path, PROGRAM)


@pytest.mark.parametrize("name", ["trace.npz", "trace.safetensors", "trace"])
def test_a_file_without_spikes_is_refused(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, {"readout": SIGNALS["readout"]})
    with pytest.raises(DataError, match=r"must hold the arrays .*layer0\.spikes.*; it holds readout$"):
        read_recording(path, PROGRAM)


@pytest.mark.parametrize("name", ["trace.npz", "trace.safetensors", "trace"])
def test_a_damaged_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(DataError, match=re.escape(name)):
        read_recording(path, PROGRAM)
    path.write_bytes(b"no arrays")
    with pytest.raises(DataError, match=re.escape(name)):
        read_recording(path, PROGRAM)


def test_inputs_of_another_length_are_refused(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / "trace.npz", SIGNALS), PROGRAM)
    message = r"^the inputs must have the recording's 40 steps and 12 samples, not 30 and at least 12$"
    with pytest.raises(DataError, match=message):
        compare_recording(NETWORK, PROGRAM, recording, [(SPIKES[:30], None)])
    message = r"^the inputs must be those of the recording's 12 samples, not 5$"
    with pytest.raises(DataError, match=message):
        compare_recording(NETWORK, PROGRAM, recording, [(SPIKES[:, :5], None)])


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "trace", SIGNALS)
    place = folder / "layer0.spikes.npy"
    place.rename(tmp_path / "elsewhere.npy")
    place.symlink_to(tmp_path / "elsewhere.npy")
    with pytest.raises(DataError, match=r"must hold the arrays layer0\.spikes, layer1\.spikes; it holds"):
        read_recording(folder, PROGRAM)
