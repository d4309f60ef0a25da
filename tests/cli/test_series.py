"""Data over time through the commands: trained, lowered, compared, with samples that end early."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from expifref.data import load
from expifref.network.model_files import read_model

from .shell import refused, succeeds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy real-valued series of unequal length, a recurrent network and its program."""
    place = tmp_path_factory.mktemp("series")
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    values = random.normal(labels[:, None, None] * 4.0 - 3, 2.0, (60, 6, 2))
    np.savez(place / "d.npz", x=values, y=labels, lengths=random.integers(1, 7, 60))
    layers = ("--layer", "recurrent:9,delay=2", "--layer", "dense:5", "--decision", "last", "--steps", 12)
    model, program = place / "m.safetensors", place / "p.json"
    succeeds("train", "--dataset", place / "d.npz", "--out", model, *layers, "--epochs", 2)
    succeeds("quantize", model, "--dataset", place / "d.npz", "--out", program)
    return place


def test_train(folder: Path) -> None:
    model = read_model(folder / "m.safetensors")
    first, second, readout = model.description.layers
    assert [one.source for one in first.feeds] == ["input", "layer0"]
    assert first.feeds[1].delay.tolist() == [2]
    assert len(second.feeds) == len(readout.feeds) == 1
    assert (model.decision, model.description.encoder, model.description.steps) == ("last", "population", 12)


def test_compare_decides_by_the_last_step_of_each_sample(folder: Path) -> None:
    told = succeeds(
        "compare", folder / "m.safetensors", folder / "p.json", "--dataset", folder / "d.npz", "--json"
    ).json
    data, model = load(folder / "d.npz"), read_model(folder / "m.safetensors")
    assert told["float_accuracy"] == pytest.approx(model.metrics["test_accuracy"], abs=0.1)
    succeeds("emulate", folder / "p.json", "--dataset", folder / "d.npz", "--out", folder / "all")
    output = np.load(folder / "all" / "readout.npy")
    assert data.test.lengths is not None
    predicted = [output[2 * length - 1, row].argmax() for row, length in enumerate(data.test.lengths)]
    assert told["program_accuracy"] == (np.array(predicted) == data.test.labels).mean()


def test_refusals(folder: Path) -> None:
    data, out = folder / "d.npz", folder / "new"
    assert refused(folder, "emulate", folder / "p.json", "--dataset", data, "--totals", "--out", out) == (
        "`--totals` adds up all steps, but the program decides by `last`: leave it out for all signals, or "
        "take `expifref compare` for the accuracy"
    )
    train = ("train", "--dataset", data, "--out", out)
    assert refused(folder, *train, "--decision", "first") == (
        "the decision must be one of sum, last, maximum, per-step, none, not 'first'"
    )
    assert refused(folder, *train, "--layer", "dense:4", "--hidden", 4) == (
        "`--hidden` must be left out where `--layer` is given: --layer dense:N is the same"
    )
    assert refused(folder, *train, "--finetune", folder / "m.safetensors", "--layer", "dense:4") == (
        "`--layer` must not be given with --finetune, which keeps the model's form"
    )


def test_real_targets_of_every_step(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    spikes = random.random((30, 6, 2)) < 0.4
    data, model, program = tmp_path / "d.npz", tmp_path / "m.safetensors", tmp_path / "p.json"
    targets = 3 + spikes[..., :1].cumsum(axis=1, dtype=np.float32)
    np.savez(data, x=spikes, y=targets, lengths=random.integers(3, 7, 30))
    trained = succeeds(
        "train", "--dataset", data, "--out", model, "--layer", "dense:6", "--epochs", 2, "--json"
    ).json
    assert trained.keys() >= {"test_rmse", "test_nrmse", "test_r2"}
    succeeds("quantize", model, "--dataset", data, "--out", program)
    assert json.loads(program.read_text())["decision"] == "none"
    told = succeeds("compare", model, program, "--dataset", data, "--json").json
    assert told["float_accuracy"] is None
    assert told["prediction_agreement"] is None
    assert told["float_rmse"] == pytest.approx(trained["test_rmse"], rel=1e-3)
    assert told["program_rmse"] == pytest.approx(told["float_rmse"], rel=0.1)
    assert refused(tmp_path, "emulate", program, "--dataset", data, "--totals", "--out", "o") == (
        "`--totals` adds up all steps, but the program decides by `none`: leave it out for all signals, or "
        "take `expifref compare` for the accuracy"
    )
