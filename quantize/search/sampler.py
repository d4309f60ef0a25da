"""Which point is tried next: Optuna's TPE, made repeatable after a resume, and told not to ask twice."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

__all__ = ["PointSampler"]

_RANDOM_TRIALS = 16
"""Random points before the estimator has something to learn from."""

_TRIES = 12
"""Proposals until one is new. The space is discrete, and a point gives the same numbers every time."""


class PointSampler(BaseSampler):
    """A fresh TPE sampler (Bergstra et al. 2011; multi-objective: Ozaki et al. 2020) for every trial.

    Each is seeded with the seed of the search and the number of the trial: one worker asks the same
    questions every time, and a search that resumes does not start its random numbers again.
    """

    def __init__(self, seed: int, distributions: dict[str, Any]) -> None:
        self._seed = seed
        self._distributions = distributions

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """All parameters, from the first trial on."""
        del study, trial
        return self._distributions

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        """A point that no trial of the study has, if one is found in a few tries."""
        if "fixed_params" in trial.system_attrs:  # of a point that was queued
            return {}
        seed = int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0])
        trials = study.get_trials(deepcopy=False)
        tried = {_key(other.params) for other in trials if other.number != trial.number}
        finished = sum(other.state in (TrialState.COMPLETE, TrialState.PRUNED) for other in trials)
        learned = TPESampler(seed=seed, multivariate=True, n_startup_trials=0, constant_liar=False)
        random = RandomSampler(seed=seed)
        point: dict[str, Any] = {}
        for attempt in range(2 * _TRIES):
            if finished < _RANDOM_TRIALS or attempt >= _TRIES:
                point = {
                    name: random.sample_independent(study, trial, name, distribution)
                    for name, distribution in search_space.items()
                }
            else:
                point = learned.sample_relative(study, trial, search_space)
            if _key(point) not in tried:
                break
        return point

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """A parameter with a single value, which is no part of a relative sample."""
        return RandomSampler(seed=self._seed).sample_independent(study, trial, param_name, param_distribution)


def _key(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))
