"""What `--approximate-lif` does to a network, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from expifref.exceptions import ParameterError
from expifref.network.model_files import read_model

from .samples import calibration_batches

if TYPE_CHECKING:
    from expifref.network.description import Description

__all__ = ["approximated"]

_FITTED = 128
"""Training samples that leaky neurons are fitted on."""


def approximated(
    source: Path, dataset: str, data_dir: Path | None, seed: int
) -> tuple[Description, dict[str, Any]]:
    """The network in a model file with leaky neurons, and what it loses.

    Of each layer that is changed, how often it spikes and how far its leaky neurons by themselves are from
    that; of both networks accuracy, or errors, and firing rate on all test samples.

    Raises:
        ParameterError: the neurons are leaky already.
        DataError: the data set does not have the network's inputs.
    """
    from expifref.data import load
    from expifref.exchange.leaky import as_leaky
    from expifref.training.evaluation import evaluate

    model, data = read_model(source), load(dataset, data_dir)
    frames = np.concatenate(list(calibration_batches(data, model.description, seed, _FITTED)), axis=1)
    description, fits = as_leaky(model.description, frames)
    if not fits:
        raise ParameterError(
            f"`{source}` must have exponential or adaptive neurons to be approximated, and has leaky ones: "
            "leave out --approximate-lif"
        )
    report = dict[str, Any]()
    for fit in fits:
        report |= {f"{fit.layer}_rate_hz": fit.rate, f"{fit.layer}_leaky_error_hz": fit.error}
    for prefix, network in (("", model.description), ("leaky_", description)):
        found = evaluate(network, data.test, seed, model.decision)
        report |= found.told(f"{prefix}test") | {f"{prefix}test_firing_rate_hz": found.firing_rate}
    return description, report
