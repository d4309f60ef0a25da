"""The state of an unfinished training run, kept beside the model file so that it can go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .documents import parse, written
from .exceptions import FileFormatError, ParameterError
from .limits import RESUME
from .progress import EpochReport
from .tensor_files import read_tensors, write_tensors
from .texts import TextTree, shown
from .training_step import Carry

__all__ = ["ResumeDocument", "TrainingState", "load_state", "resume_path", "save_state"]

_FORMAT = "expifref-resume"
_VERSION: Literal[1] = 1

Identity = dict[str, Any]
"""What a run depends on, flat and JSON-ready; a run may go on only under the same."""


@dataclass(frozen=True)
class TrainingState:
    """Everything the next epoch depends on, and the reports so far."""

    carry: Carry
    history: tuple[EpochReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResumeDocument:
    """What a file holds beside its tensors."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    version: Literal[1] = _VERSION
    identity: TextTree
    history: tuple[EpochReport, ...]


def resume_path(path: Path) -> Path:
    """Where the state of the run that writes the model file `path` is kept."""
    return path.with_name(path.name + ".resume")


def save_state(path: Path, state: TrainingState, identity: Identity) -> None:
    """Write `state` to `path`, whole or not at all; raises FileFormatError when it cannot be written."""
    leaves = jax.tree.leaves(state.carry)
    document = ResumeDocument(identity=identity, history=state.history)
    tensors = {f"leaf{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    write_tensors(path, tensors, _FORMAT, written(ResumeDocument, document, f"`{path}`"))


def load_state(path: Path, start: Carry, identity: Identity) -> TrainingState:
    """Read the state at `path` into the structure of `start`, the carry of a fresh run.

    Raises:
        FileFormatError: the file is missing, damaged, foreign or of another version.
        ParameterError: the run that wrote it had another data set, architecture or setting.
    """
    tensors, values = read_tensors(path, _FORMAT, _VERSION, RESUME)
    document = parse(ResumeDocument, values, f"`{path}`")
    _check_identity(document.identity, identity)
    leaves, structure = jax.tree.flatten(start)
    stored = [tensors.get(f"leaf{i:04d}") for i in range(len(leaves))]
    if any(s is None or s.shape != leaf.shape for s, leaf in zip(stored, leaves, strict=True)):
        raise FileFormatError(f"`{path}` must hold the state of this network; train without resuming")
    carry = jax.tree.unflatten(structure, [jnp.asarray(s) for s in stored])
    return TrainingState(carry, document.history)


def _check_identity(found: Identity, wanted: Identity) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ParameterError(
                f"a run can only be resumed as it began: `{name}` was {shown(found.get(name))}, "
                f"not {shown(value)}"
            )
