"""Recorded inputs: any part of a file, in whatever form it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.inputs import recorded_inputs
from expifref.exceptions import DataError
from quantize.graph.layers import Port
from quantize.numbers.formats import Format

SPIKES = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
PORT = Port(3, Format(False, 8, 0))


def write(folder: Path, form: str) -> Path:
    path = folder / f"in.{form.split()[0]}"
    if form == "npz":
        np.savez(path, spikes=SPIKES)
    else:
        np.save(path, np.asfortranarray(SPIKES) if "Fortran" in form else SPIKES)
    return path


@pytest.mark.parametrize("form", ["npz", "npy", "npy Fortran"])
def test_every_part(tmp_path: Path, form: str) -> None:
    inputs = recorded_inputs(write(tmp_path, form), PORT, None)
    assert (inputs.steps, inputs.samples, inputs.labels) == (7, 5, None)
    # Slices may reach beyond the end, as those of a piece do that is larger than the input.
    for rows in (slice(0, 5), slice(2, 4), slice(3, 256)):
        for times in (slice(None), slice(0, 3), slice(6, 100)):
            np.testing.assert_array_equal(inputs.frames(rows)(times), SPIKES[times, rows])
    (batch,) = inputs.batches(1, 4)
    np.testing.assert_array_equal(batch.spikes, SPIKES[:, 1:4])
    assert batch.labels is None


@pytest.mark.parametrize("form", ["npz", "npy", "npy Fortran"])
def test_the_first_samples(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form)
    assert recorded_inputs(path, PORT, 2).samples == 2
    assert recorded_inputs(path, PORT, 9).samples == 5


@pytest.mark.parametrize("kept", [0, 128, 128 + SPIKES.size - 1])
def test_a_file_that_becomes_shorter(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, "npy")
    frames = recorded_inputs(path, PORT, None).frames(slice(0, 5))
    with path.open("r+b") as file:
        file.truncate(kept)
    with pytest.raises(DataError) as caught:
        frames(slice(None))
    assert str(caught.value) == f"`{path}` must stay as it is while it is read, but became shorter"
