"""What can be chosen about a training run, and the choices that suit each data set. No JAX."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from expifref.data.dataset import Dataset
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture
from expifref.network.decision import NONE, PER_STEP, RULES, SUM, check_rule
from expifref.network.hidden_layers import HiddenLayer

from .feeding import inputs_of, steps_of

__all__ = ["LOSSES", "TrainingSettings", "check_task", "default_architecture", "default_settings"]

LOSSES = ("cross-entropy", "mse")
"""What training may descend on; the mean square error of classes is that of their distance from one-hot."""


@dataclass(frozen=True)
class TrainingSettings:
    """Adam with a cosine schedule on the loss of what is decided by."""

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-2  # of each weight's natural size, see `initial_scales`
    seed: int = 0
    rate_penalty: float = 0.0  # weight of the penalty on neurons that fire above `rate_limit`
    rate_limit: float = 150.0  # Hz
    drive_penalty: float = 0.1  # weight of the penalty on drives beyond `drive_limit`
    drive_limit: float = 32.0  # |R I| in units of delta_T
    target_accuracy: float | None = None  # stop once the held-out samples reach it
    patience: int | None = None  # stop after so many epochs without a better held-out accuracy
    held_out_share: float = 0.1  # of the training samples; used only with an early stop
    decision: str = SUM  # a rule of `expifref.network.decision.RULES`
    loss: str = LOSSES[0]

    def __post_init__(self) -> None:
        check_rule(self.decision)
        if self.loss not in LOSSES:
            raise ParameterError(f"the loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ParameterError(f"`{name}` must be at least {least}, not {getattr(self, name)}")
        for name in ("learning_rate", "rate_limit", "drive_limit"):
            if not 0 < getattr(self, name) < math.inf:
                raise ParameterError(f"`{name}` must be above 0 and finite, not {getattr(self, name):g}")
        for name in ("rate_penalty", "drive_penalty"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ParameterError(f"`{name}` must be at least 0 and finite, not {getattr(self, name):g}")
        if self.target_accuracy is not None and not 0 < self.target_accuracy <= 1:
            raise ParameterError(f"`target_accuracy` must lie in (0, 1], not {self.target_accuracy:g}")
        if self.patience is not None and self.patience < 1:
            raise ParameterError(f"`patience` must be at least 1 epoch, not {self.patience}")
        if not 0 < self.held_out_share < 1:
            raise ParameterError(f"`held_out_share` must lie between 0 and 1, not {self.held_out_share:g}")

    @property
    def may_stop_early(self) -> bool:
        """Whether samples have to be held out to decide when to stop."""
        return self.target_accuracy is not None or self.patience is not None


@dataclass(frozen=True)
class _Defaults:
    hidden: tuple[int | HiddenLayer, ...] = (128,)
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-2
    decision: str = SUM


_IMAGES = _Defaults()
_SERIES = _Defaults((HiddenLayer(128, recurrent=True),))
_DEFAULTS = {
    "fashion-mnist": _Defaults((256,), 10, 256),
    "fashion-mnist-rows": _Defaults((HiddenLayer(256, recurrent=True),), 10, 128, decision="last"),
    "japanese-vowels": _Defaults((HiddenLayer(128, recurrent=True),), 60, 32, decision="maximum"),
}


def default_architecture(
    dataset: Dataset, encoder: str | None = None, steps: int | None = None
) -> Architecture:
    """The network that suits `dataset`, for the encoder and steps that were chosen, if any.

    Raises:
        ParameterError: the encoder is unknown or not one for these data, or `steps` no multiple of theirs.
    """
    chosen = _defaults(dataset)
    name = encoder or _encoder(dataset)
    inputs = inputs_of(dataset, name)
    form = Architecture(inputs, dataset.classes, chosen.hidden, encoder=name, image=dataset.image)
    return replace(form, steps=steps_of(dataset, steps) or form.steps)


def _encoder(dataset: Dataset) -> str:
    if dataset.spikes:
        return "spikes"
    return "current" if dataset.scaling is None else "population"


def default_settings(dataset: Dataset) -> TrainingSettings:
    """The settings that suit `dataset`."""
    chosen = _defaults(dataset)
    decision, loss = chosen.decision, LOSSES[0]
    if dataset.train.per_step:
        decision = NONE if dataset.train.real else PER_STEP
    if dataset.train.real:
        loss = "mse"
    return TrainingSettings(
        chosen.epochs, chosen.batch_size, chosen.learning_rate, decision=decision, loss=loss
    )


def check_task(dataset: Dataset, settings: TrainingSettings) -> None:
    """Raise ParameterError where `dataset` has no labels for the answers or the loss of `settings`."""
    real, per_step = dataset.train.real, dataset.train.per_step
    fitting = [rule for rule in RULES if rule not in (NONE, PER_STEP)]
    if per_step:
        fitting = [NONE if real else PER_STEP]
    if settings.decision not in fitting:
        kind = f"{'real targets' if real else 'labels'} of every {'step' if per_step else 'sample'}"
        raise ParameterError(
            f"the decision must be {' or '.join(fitting)} for the {kind} in {dataset.name}, not "
            f"{settings.decision}"
        )
    if real and settings.loss != "mse":
        raise ParameterError(
            f"the loss must be mse for the real targets in {dataset.name}, not {settings.loss}"
        )


def _defaults(dataset: Dataset) -> _Defaults:
    """Those of its name, else the general choice."""
    return _DEFAULTS.get(dataset.name, _IMAGES if dataset.steps is None else _SERIES)
