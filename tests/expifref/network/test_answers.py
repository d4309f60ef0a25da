"""Labels of every step and real targets: read, padded, trained on and scored, with samples that end early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from expifref.data import Dataset, Samples, load
from expifref.exceptions import DataError, ParameterError
from expifref.network.architecture import Architecture
from expifref.network.decision import NONE, PER_STEP, Decision
from expifref.network.scores import Score, score_of
from expifref.training.losses import answer_loss
from expifref.training.settings import TrainingSettings, default_settings
from expifref.training.train import train

RANDOM = np.random.default_rng(3)
OUTPUT = RANDOM.normal(size=(4, 3, 2))  # [steps, batch, outputs]
LENGTHS = np.array([4, 2, 1])
LABELS = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
TARGETS = RANDOM.normal(3.0, 2.0, size=(3, 4, 2)).astype(np.float32)
INSIDE = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0)]  # (sample, step)


def test_a_class_of_every_step() -> None:
    decision = Decision(PER_STEP, LENGTHS)
    classes = decision.classes(OUTPUT)
    assert classes.shape == (3, 4)
    right = sum(OUTPUT[step, row].argmax() == LABELS[row, step] for row, step in INSIDE)
    found = score_of(decision, classes, LABELS, 4)
    assert (found.answers, found.right) == (7, right)
    # the same labels, each of which lasts two steps
    longer = Decision(PER_STEP, 2 * LENGTHS)
    twice = score_of(longer, longer.classes(OUTPUT.repeat(2, axis=0)), LABELS, 8)
    assert (twice.answers, twice.right) == (14, 2 * right)


def test_errors_in_the_unit_of_the_target() -> None:
    decision = Decision(NONE, LENGTHS)
    values = np.array([OUTPUT[step, row] for row, step in INSIDE])
    wanted = np.array([TARGETS[row, step] for row, step in INSIDE], np.float64)
    whole = score_of(decision, decision.values(OUTPUT), TARGETS, 4).errors
    assert whole is not None
    squared = ((values - wanted) ** 2).sum()
    assert whole.rmse == pytest.approx(np.sqrt(squared / 14))
    assert whole.nrmse == pytest.approx(whole.rmse / np.ptp(wanted))
    assert whole.r2 == pytest.approx(1 - squared / ((wanted - wanted.mean(axis=0)) ** 2).sum())
    # part by part
    parts = Score()
    for rows in (slice(2), slice(2, 3)):
        own = decision.of(rows)
        parts += score_of(own, own.values(OUTPUT[:, rows]), TARGETS[rows], 4)
    assert parts.errors is not None
    assert parts.errors.told("a") == pytest.approx(whole.told("a"))
    assert parts.answers == 7


def test_the_sum_of_a_real_answer_is_its_mean() -> None:
    targets = TARGETS[:, 0]
    found = score_of(Decision(), Decision().values(OUTPUT), targets, 4).errors
    assert found is not None
    assert found.squared_error == pytest.approx(((OUTPUT.mean(axis=0) - targets) ** 2).sum())


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
def test_loss_of_classes_of_every_step(loss: str) -> None:
    decision = Decision(PER_STEP, jnp.asarray(LENGTHS))
    found, right = answer_loss(loss, decision, jnp.asarray(OUTPUT, jnp.float32), jnp.asarray(LABELS))
    each = []
    for row, step in INSIDE:
        values, label = OUTPUT[step, row], LABELS[row, step]
        entropy = np.log(np.exp(values).sum()) - values[label]
        each.append(entropy if loss == "cross-entropy" else ((values - np.eye(2)[label]) ** 2).mean())
    assert found == pytest.approx(np.mean(each), rel=1e-5)
    assert right == pytest.approx(
        score_of(Decision(PER_STEP, LENGTHS), OUTPUT.argmax(-1).T, LABELS, 4).quality
    )


def test_loss_of_real_targets() -> None:
    decision = Decision(NONE, jnp.asarray(LENGTHS))
    loss, explained = answer_loss("mse", decision, jnp.asarray(OUTPUT, jnp.float32), jnp.asarray(TARGETS))
    by_hand = score_of(Decision(NONE, LENGTHS), OUTPUT.swapaxes(0, 1), TARGETS, 4).errors
    assert by_hand is not None
    assert loss == pytest.approx(by_hand.rmse**2, rel=1e-5)
    assert explained == pytest.approx(by_hand.r2, rel=1e-4)


# --- Files ------------------------------------------------------------------------------------------------

X = (np.arange(9 * 4 * 2).reshape(9, 4, 2) % 5 == 0).astype(np.uint8)
Y = np.arange(9 * 4).reshape(9, 4) % 3


def stored(tmp_path: Path, **arrays: Any) -> Dataset:
    np.savez(tmp_path / "mine.npz", **arrays)
    return load(tmp_path / "mine.npz")


@pytest.mark.parametrize("labels", [Y, Y[..., None], np.eye(3, dtype=np.uint8)[Y]])
def test_labels_of_every_step(tmp_path: Path, labels: Any) -> None:
    data = stored(tmp_path, x_train=X, y_train=labels, x_test=X[:2], y_test=labels[:2])
    np.testing.assert_array_equal(data.train.labels, Y)
    assert (data.classes, data.train.per_step, data.train.real) == (3, True, False)
    assert default_settings(data).decision == PER_STEP


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int32])
def test_two_classes_of_any_type_of_integers(tmp_path: Path, kind: Any) -> None:
    labels = (np.arange(9) % 2).astype(kind)
    data = stored(tmp_path, x_train=X, y_train=labels, x_test=X, y_test=labels[:, None])
    np.testing.assert_array_equal(data.test.labels, np.arange(9) % 2)
    assert data.test.labels.dtype == np.int64


def test_what_lies_behind_the_end_is_no_label(tmp_path: Path) -> None:
    labels = np.where(np.arange(4) < 3, Y, -1)
    targets = np.where(np.arange(4) < 3, Y, np.nan)[..., None]
    for given in (labels, targets):
        data = stored(tmp_path, x=X, y=given, lengths=np.full(9, 3))
        assert not data.train.labels[:, 3:].any()
        assert len(data.train) == 7


def test_shorter_parts_have_longer_labels(tmp_path: Path) -> None:
    data = stored(tmp_path, x_train=X, y_train=Y, x_test=X[:, :2], y_test=Y[:, :2])
    assert data.test.labels.shape == (9, 4)
    np.testing.assert_array_equal(data.test.lengths, np.full(9, 2))


@pytest.mark.parametrize("shape", [(9, 1), (9, 3), (9, 4, 1), (9, 4, 2)])
def test_real_targets(tmp_path: Path, shape: tuple[int, ...]) -> None:
    targets = RANDOM.normal(20.0, 5.0, shape)
    data = stored(tmp_path, x_train=X, y_train=targets, x_test=X, y_test=targets)
    np.testing.assert_array_equal(data.train.labels, targets.astype(np.float32))
    assert (data.classes, data.train.per_step) == (shape[-1], len(shape) == 3)
    chosen = default_settings(data)
    assert (chosen.decision, chosen.loss) == (NONE if len(shape) == 3 else "sum", "mse")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one-hot or of every step": (
        {"y_train": np.eye(4, dtype=int)[Y[:, 0]]},
        "{path}: `y_train` of the shape [9, 4] has a single 1 in each row, so that it may be one-hot or a "
        "label of every step: save `y.argmax(axis=1)` for the first, `y[:, :, None]` for the second",
    ),
    "two kinds": (
        {"y_test": Y[:, 0]},
        "{path}: training and test labels must be of one kind, and these are of two",
    ),
    "one class": (
        {"y_train": Y * 0, "y_test": Y * 0},
        "{path}: labels must be of two classes or more, and all are 0: there is nothing to tell apart",
    ),
    "other steps": (
        {"y_train": np.zeros((9, 5, 1)), "y_test": np.zeros((9, 4, 1))},
        "{path}: training labels must have the shape [9, 4], one per step, not [9, 5]",
    ),
    "nan": (
        {"y_train": np.full((9, 1), np.nan), "y_test": np.zeros((9, 1))},
        "mine: training targets must be finite; they hold NaN or infinity",
    ),
    "images": (
        {"x_train": X[:, 0], "x_test": X[:, 0], "y_train": Y[..., None], "y_test": Y[..., None]},
        "{path}: training labels of every step need values over time, [samples, steps, channels]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(tmp_path: Path, case: str) -> None:
    change, message = BAD[case]
    with pytest.raises(DataError) as caught:
        stored(tmp_path, **({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y} | change))
    assert str(caught.value) == message.format(path=tmp_path / "mine.npz")


# --- Training ---------------------------------------------------------------------------------------------


def running_mean() -> Dataset:
    """Spikes of two inputs, and how many of the first came so far, as a share of all steps."""
    random = np.random.default_rng(1)
    values = random.random((96, 10, 2)) < random.random((96, 1, 2))
    targets = 5 + 2 * values[..., :1].cumsum(axis=1, dtype=np.float32)
    samples = Samples(values, targets, random.integers(6, 11, 96))
    return Dataset("counts", samples[:64], samples[64:], classes=1)


NET = Architecture(inputs=2, classes=1, hidden=(16,), steps=10, encoder="spikes")


def test_training_on_real_targets_of_every_step() -> None:
    data = running_mean()
    settings = TrainingSettings(epochs=10, batch_size=32, learning_rate=0.05, decision=NONE, loss="mse")
    result = train(data, NET, settings)
    assert result.test.predictions.shape == (32, 10, 1)
    assert result.metrics.keys() >= {"test_rmse", "test_nrmse", "test_r2", "train_r2"}
    assert "test_accuracy" not in result.metrics
    assert result.metrics["test_r2"] > 0.3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            TrainingSettings(decision=PER_STEP, loss="mse"),
            "the decision must be none for the real targets of every step in counts, not per-step",
        ),
        (
            TrainingSettings(decision=NONE),
            "the loss must be mse for the real targets in counts, not cross-entropy",
        ),
    ],
)
def test_answers_that_there_are_no_labels_for(settings: TrainingSettings, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        train(running_mean(), NET, settings)
    assert str(caught.value) == message
