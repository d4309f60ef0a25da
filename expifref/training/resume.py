"""The state of an unfinished training run, kept beside the model file so that it can go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.texts import shown
from expifref.network.environment import Environment, change

from .progress import EpochReport
from .resume_file import ResumeDocument, read_resume, write_resume
from .step import Carry

__all__ = ["TrainingState", "continued", "load_state", "save_state"]

Identity = dict[str, Any]
"""What a run depends on, flat and JSON-ready; a run may go on only under the same."""

_PROLONGED = "epochs"
"""What may be another number all the same."""


@dataclass(frozen=True)
class TrainingState:
    """Everything the next epoch depends on, and the reports so far."""

    carry: Carry
    history: tuple[EpochReport, ...] = ()
    environments: tuple[Environment, ...] = ()  # that it came about in, one after the other
    planned: int | None = None  # epochs that the run was to have; None where not recorded


def save_state(path: Path, state: TrainingState, identity: Identity) -> None:
    """Write `state` to `path`, whole or not at all; raises FileFormatError when it cannot be written."""
    leaves = jax.tree.leaves(state.carry)
    environments = tuple(dict(environment) for environment in state.environments)
    document = ResumeDocument(identity=identity, history=state.history, environments=environments)
    write_resume(path, {f"leaf{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}, document)


def load_state(path: Path, start: Carry, identity: Identity) -> TrainingState:
    """Read the state at `path` into the structure of `start`, the carry of a fresh run.

    Raises:
        FileFormatError: the file is missing, damaged, foreign or of another version.
        ParameterError: the run that wrote it had another data set, architecture or setting.
    """
    tensors, document = read_resume(path)
    _check_identity(document.identity, identity)
    epochs = document.identity.get(_PROLONGED)
    planned = epochs if isinstance(epochs, int) else None
    leaves, structure = jax.tree.flatten(start)
    stored = [tensors.get(f"leaf{i:04d}") for i in range(len(leaves))]
    if any(s is None or s.shape != leaf.shape for s, leaf in zip(stored, leaves, strict=True)):
        raise FileFormatError(f"`{path}` must hold the state of this network; train without resuming")
    carry = jax.tree.unflatten(structure, [jnp.asarray(s) for s in stored])
    return TrainingState(carry, document.history, document.environments, planned)


def continued(
    state: TrainingState, environment: Environment, epochs: int
) -> tuple[TrainingState, tuple[str, ...]]:
    """`state` going on in `environment` up to `epochs`, and a sentence for each of both that was another."""
    told: list[str] = []
    known = state.environments or ({},)
    warning = change(known[-1], environment)
    if warning is not None:
        state = replace(state, environments=(*known, environment))
        told.append(warning)
    if state.planned not in (None, epochs):
        told.append(
            f"Warning: the run began for {state.planned} epochs and goes on to {epochs}: from here on the "
            f"learning rate follows the schedule of {epochs}, so the result is not that of {epochs} epochs "
            "at once"
        )
    return state, tuple(told)


def _check_identity(found: Identity, wanted: Identity) -> None:
    for name, value in wanted.items():
        if name != _PROLONGED and found.get(name) != value:
            raise ParameterError(
                f"a run can only be resumed as it began: `{name}` was {shown(found.get(name))}, "
                f"not {shown(value)}"
            )
