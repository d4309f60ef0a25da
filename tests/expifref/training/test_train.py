"""Training: it learns, repeats itself bit for bit, resumes, stops early and survives Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from expifref.data import Dataset, Samples
from expifref.exceptions import FileFormatError, ParameterError
from expifref.network.architecture import Architecture, initial_description
from expifref.network.model_files import read_model
from expifref.network.modules import Parameters, parameters, pure_run
from expifref.training.evaluation import evaluate
from expifref.training.progress import EpochReport, ProgressBar, SilentReporter
from expifref.training.resume_file import resume_path
from expifref.training.session import Session
from expifref.training.settings import TrainingSettings, default_architecture, default_settings
from expifref.training.step import Batch, batch_loss, make_predict
from expifref.training.train import TrainingResult, train
from tests.expifref.same import assert_same

NET = Architecture(inputs=6, classes=3, hidden=(8,), steps=8)
QUICK = TrainingSettings(epochs=2, batch_size=16, learning_rate=0.02)


def blobs() -> Dataset:
    """Three classes, each with two bright inputs."""
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = random.random((90, 6), np.float32) * 0.3
    for k in range(2):
        images[np.arange(90), 2 * labels + k] += 0.6
    return Dataset("blobs", Samples(images[:60], labels[:60]), Samples(images[60:], labels[60:]), classes=3)


class Recorder(SilentReporter):
    """Keeps what it is told, and may do something after a batch."""

    def __init__(self, after_batch: Callable[[int], None] = lambda _count: None) -> None:
        self.epochs: list[EpochReport] = []
        self.messages: list[str] = []
        self.batches = 0
        self._after_batch = after_batch

    def batch(self) -> None:
        self.batches += 1
        self._after_batch(self.batches)

    def epoch(self, report: EpochReport) -> None:
        self.epochs.append(report)

    def message(self, text: str) -> None:
        self.messages.append(text)


def interrupt_at(count: int) -> Recorder:
    def check(now: int) -> None:
        if now == count:
            raise KeyboardInterrupt

    return Recorder(check)


def assert_same_run(found: TrainingResult, wanted: TrainingResult) -> None:
    assert_same(found.description, wanted.description)
    assert found.history == wanted.history
    np.testing.assert_array_equal(found.test.predictions, wanted.test.predictions)


@pytest.mark.parametrize("encoder", ["current", "rate"])
def test_learns_and_repeats_bit_for_bit(encoder: str) -> None:
    data, net = blobs(), replace(NET, encoder=encoder)
    settings = replace(QUICK, epochs=12)
    reporter = Recorder()
    first = train(data, net, settings, session=Session(reporter=reporter))
    assert first.test.accuracy > 0.9
    assert first.history[-1].loss < first.history[0].loss
    assert tuple(reporter.epochs) == first.history
    assert reporter.batches == 12 * 3
    assert_same_run(train(data, net, settings), first)
    found = evaluate(first.description, data.test)
    np.testing.assert_array_equal(found.predictions, first.test.predictions)
    assert found.accuracy == first.test.accuracy
    assert found.firing_rate == pytest.approx(first.test.firing_rate)


def test_resume_equals_an_uninterrupted_run(tmp_path: Path) -> None:
    data, settings = blobs(), replace(QUICK, epochs=4)
    net = replace(NET, encoder="rate")
    whole = train(data, net, settings, session=Session(path=tmp_path / "whole.safetensors"))
    path = tmp_path / "cut.safetensors"
    reporter = interrupt_at(3 * 2 + 1)
    cut = train(data, net, settings, session=Session(path=path, reporter=reporter))
    assert (cut.stopped, len(cut.history)) == ("interrupted", 2)
    assert reporter.messages == [
        f"interrupted: the network after epoch 2 is kept; {path} holds it, and resuming goes on from there"
    ]
    assert_same(read_model(path).description, cut.description)

    resumed = train(data, net, settings, session=Session(path=path, resume=True))
    assert_same_run(resumed, whole)
    assert resumed.stopped == "finished"
    assert path.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert read_model(path).metrics == resumed.metrics
    again = train(data, net, settings, session=Session(path=path, resume=True))
    assert_same_run(again, whole)


def test_interrupt_before_the_first_epoch_passes_through(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(blobs(), NET, QUICK, session=Session(path=tmp_path / "m.safetensors", reporter=interrupt_at(1)))
    assert list(tmp_path.iterdir()) == []


def test_resume_goes_by_content_and_refuses_another_run(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    data = blobs()
    with pytest.raises(
        FileFormatError, match=r"m.safetensors.resume` must be an expifref-resume file, but does not"
    ):
        train(data, NET, QUICK, session=Session(path=path, resume=True))
    train(data, NET, replace(QUICK, epochs=1), session=Session(path=path))
    with pytest.raises(ParameterError) as caught:
        train(data, NET, replace(QUICK, learning_rate=0.5), session=Session(path=path, resume=True))
    assert str(caught.value) == ("a run can only be resumed as it began: `learning_rate` was 0.02, not 0.5")
    with pytest.raises(ParameterError, match=r"`hidden` was \[8\], not \[9\]"):
        train(data, replace(NET, hidden=(9,)), QUICK, session=Session(path=path, resume=True))
    other = replace(data, train=replace(data.train, labels=data.train.labels[::-1].copy()))
    with pytest.raises(ParameterError, match=r"`digest of the data` was \"[0-9a-f]{8}"):
        train(other, NET, QUICK, session=Session(path=path, resume=True))
    reporter = Recorder()
    longer = train(
        replace(data, name="b"), NET, QUICK, session=Session(path=path, resume=True, reporter=reporter)
    )
    assert len(longer.history) == 2
    assert reporter.messages == [
        "Warning: the run began for 1 epochs and goes on to 2: from here on the learning rate follows the "
        "schedule of 2, so the result is not that of 2 epochs at once"
    ]
    content = resume_path(path).read_bytes()
    resume_path(path).write_bytes(content[:-50])
    with pytest.raises(FileFormatError, match="is truncated or of another kind"):
        train(data, NET, QUICK, session=Session(path=path, resume=True))
    with pytest.raises(ParameterError, match="`resume` needs the `path`"):
        train(data, NET, QUICK, session=Session(resume=True))


def test_early_stop() -> None:
    data, settings = blobs(), replace(QUICK, epochs=40)
    reached = train(data, NET, replace(settings, target_accuracy=0.8, seed=1))
    assert reached.stopped == "accuracy reached"
    assert [(r.validation_accuracy or 0) >= 0.8 for r in reached.history].index(True) == len(
        reached.history
    ) - 1
    stalled = train(data, NET, replace(settings, patience=2))
    assert stalled.stopped == "no improvement"
    held_out = [r.validation_accuracy or 0 for r in stalled.history]
    assert held_out.index(max(held_out)) == len(held_out) - 3


def test_rate_penalty_lowers_the_rate() -> None:
    settings = replace(QUICK, epochs=6)
    free = train(blobs(), NET, settings)
    held = train(blobs(), NET, replace(settings, rate_penalty=10.0, rate_limit=20.0))
    assert held.test.firing_rate < 0.8 * free.test.firing_rate


@pytest.mark.usefixtures("strict_promotion")
def test_what_adam_is_given_mixes_no_dtypes() -> None:
    description = initial_description(NET)
    values = parameters(description)
    frames, lengths = jnp.full((1, 3, 6), 200, jnp.uint8), jnp.arange(6, 9)
    batch = Batch(frames, jnp.arange(3), lengths)
    settings = replace(QUICK, rate_penalty=1.0, drive_penalty=1.0)

    def loss(values: Parameters) -> jax.Array:
        return batch_loss(pure_run(description, values, frames), batch, settings, description.dt)[0]

    assert all(gradient.dtype == jnp.float32 for gradient in jax.jit(jax.grad(loss))(values).values())
    classes, answers, rates = make_predict(description, dict.fromkeys(values, 1.0), "sum")(
        values, frames, lengths
    )
    assert classes.dtype == jnp.int32
    assert answers.dtype == rates.dtype == jnp.float32


def test_divergence_is_an_error_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(
        ParameterError, match=r"the loss must stay finite, but was (nan|inf) in epoch 1; lower"
    ):
        train(blobs(), NET, replace(QUICK, learning_rate=1e38), session=Session(path=path))
    assert not path.exists()


def test_architecture_must_fit_the_data() -> None:
    with pytest.raises(ParameterError) as caught:
        train(blobs(), replace(NET, classes=4), QUICK)
    assert str(caught.value) == ("`classes` of the architecture must be 3 for the data set blobs, not 4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1, not 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0 and finite, not 0"),
        ({"target_accuracy": 97.0}, "`target_accuracy` must lie in (0, 1], not 97"),
        ({"patience": 0}, "`patience` must be at least 1 epoch, not 0"),
        ({"rate_penalty": -1.0}, "`rate_penalty` must be at least 0 and finite, not -1"),
        ({"held_out_share": 1.0}, "`held_out_share` must lie between 0 and 1, not 1"),
    ],
)
def test_bad_settings(change: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        replace(QUICK, **change)  # type: ignore[arg-type]  # values of one type per case
    assert str(caught.value) == message


def test_defaults_know_the_data_sets() -> None:
    mine, known = blobs(), replace(blobs(), name="fashion-mnist")
    assert default_architecture(mine) == replace(NET, hidden=(128,), steps=25)
    assert default_architecture(known).hidden == (256,)
    assert default_architecture(mine, "rate", 7) == replace(NET, hidden=(128,), encoder="rate", steps=7)
    assert (default_settings(known).batch_size, default_settings(mine).batch_size) == (256, 64)


def test_progress_bar_shows_the_numbers() -> None:
    text = StringIO()
    with ProgressBar(Console(file=text, force_terminal=True, width=150)) as bar:
        bar.start(epochs=3, done=1, batches=2)
        bar.batch()
        bar.epoch(EpochReport(2, 0.25, 0.9, 71.4, 0.8))
        bar.message("[kept]")
    shown = text.getvalue()
    assert "epoch 2/3" in shown
    assert "loss 0.2500  accuracy 90.00%  held out 80.00%  71 Hz" in shown
    assert "3/6" in shown
    assert "[kept]" in shown
