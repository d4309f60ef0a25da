"""The state of an unfinished training run, kept beside the model file so that it can go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .environment import Environment, change, parse_environments
from .exceptions import FileFormatError, ParameterError
from .progress import EpochReport
from .tensor_files import read_tensors, write_tensors
from .training_step import Carry

__all__ = ["TrainingState", "continued", "load_state", "resume_path", "save_state"]

_FORMAT = "expifref-resume"
_VERSION = 1

Identity = dict[str, Any]
"""What a run depends on, flat and JSON-ready; a run may go on only under the same."""


@dataclass(frozen=True)
class TrainingState:
    """Everything the next epoch depends on, and the reports so far."""

    carry: Carry
    history: tuple[EpochReport, ...] = ()
    environments: tuple[Environment, ...] = ()  # that it came about in, one after the other


def resume_path(path: Path) -> Path:
    """Where the state of the run that writes the model file `path` is kept."""
    return path.with_name(path.name + ".resume")


def save_state(path: Path, state: TrainingState, identity: Identity) -> None:
    """Write `state` to `path`, whole or not at all; raises FileFormatError when it cannot be written."""
    leaves = jax.tree.leaves(state.carry)
    history = [asdict(report) for report in state.history]
    environments = [dict(environment) for environment in state.environments]
    document = {
        "version": _VERSION,
        "identity": identity,
        "history": history,
        "environments": environments,
    }
    tensors = {f"leaf{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    write_tensors(path, tensors, _FORMAT, document)


def load_state(path: Path, start: Carry, identity: Identity) -> TrainingState:
    """Read the state at `path` into the structure of `start`, the carry of a fresh run.

    Raises:
        FileFormatError: the file is missing, damaged, foreign or of another version.
        ParameterError: the run that wrote it had another data set, architecture or setting.
    """
    tensors, document = read_tensors(path, _FORMAT, _VERSION)
    _check_identity(document["identity"], identity)
    leaves, structure = jax.tree.flatten(start)
    stored = [tensors.get(f"leaf{i:04d}") for i in range(len(leaves))]
    if any(s is None or s.shape != leaf.shape for s, leaf in zip(stored, leaves, strict=True)):
        raise FileFormatError(f"`{path}` must hold the state of this network; train without resuming")
    carry = jax.tree.unflatten(structure, [jnp.asarray(s) for s in stored])
    history = tuple(EpochReport(**report) for report in document["history"])
    try:
        environments = parse_environments(document.get("environments"))
    except ValueError as error:
        raise FileFormatError(
            f"`{path}` must name the environment it was stored in, which is damaged; train without resuming"
        ) from error
    return TrainingState(carry, history, environments)


def continued(state: TrainingState, environment: Environment) -> tuple[TrainingState, str | None]:
    """`state` going on in `environment`, and a sentence where it was stored in another one."""
    known = state.environments or ({},)
    warning = change(known[-1], environment)
    return (state, None) if warning is None else (replace(state, environments=(*known, environment)), warning)


def _check_identity(found: Identity, wanted: Identity) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ParameterError(
                f"a run can only be resumed as it began: `{name}` was {found.get(name)!r}, not {value!r}"
            )
