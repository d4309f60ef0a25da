"""The file of an unfinished training run, without JAX: a bad one is refused before JAX is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from expifref.files.documents import parse, written
from expifref.files.limits import RESUME
from expifref.files.tensors import read_tensors, write_tensors
from expifref.files.texts import Name, TextTree

from .progress import EpochReport

__all__ = ["ResumeDocument", "read_resume", "resume_path", "write_resume"]

_FORMAT = "expifref-resume"
_VERSION: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class ResumeDocument:
    """What a file holds beside its tensors."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    version: Literal[1] = _VERSION
    identity: TextTree
    history: tuple[EpochReport, ...]
    environments: tuple[dict[Name, Name], ...] = ()  # absent before they were recorded


def resume_path(path: Path) -> Path:
    """Where the state of the run that writes the model file `path` is kept."""
    return path.with_name(path.name + ".resume")


def write_resume(path: Path, tensors: dict[str, NDArray[Any]], document: ResumeDocument) -> None:
    """Write a state, whole or not at all; raises FileFormatError when it cannot be written."""
    write_tensors(path, tensors, _FORMAT, written(ResumeDocument, document, f"`{path}`"))


def read_resume(path: Path) -> tuple[dict[str, NDArray[Any]], ResumeDocument]:
    """The tensors and the document of the state at `path`.

    Raises:
        FileFormatError: the file is missing, damaged, foreign or of another version.
    """
    tensors, values = read_tensors(path, _FORMAT, _VERSION, RESUME)
    return tensors, parse(ResumeDocument, values, f"`{path}`")
