"""The study on disk, which several processes and machines work on at once.

By default it is Optuna's journal: one append-only file, whose lock (an exclusive link) also holds on NFS,
where the locks of SQLite do not (https://www.sqlite.org/faq.html#q5). What a journal alone does not survive
is a process that is killed while it writes a line: every later reader would stop at the rest of it. So a
rest is cut off before the next line is written. A URL of a database that Optuna knows is taken as well.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from expifref.exceptions import FileFormatError, MissingToolError, ParameterError
from expifref.files.documents import parse, written
from expifref.files.texts import Digest, Line, Name, short
from expifref.files.writing import require_writable

from .journal import NO_STUDY, OBJECTIVES, check_journal, check_study
from .sampler import PointSampler
from .space import Space

__all__ = ["OBJECTIVES", "Question", "open_study"]

_LOCK_SECONDS = 10
"""How long a lock of a killed process is waited for; one that is held in earnest takes milliseconds."""

_REASON = 200
"""Characters of what a library says that a message repeats."""

_QUESTION = "question"


@dataclass(frozen=True)
class Question:
    """What a study asks: everything that the numbers of its points depend on."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    model_sha256: Digest
    profile: Name
    profile_sha256: Digest
    dataset: Line
    samples_sha256: Digest  # of the inputs and labels that points are measured on
    samples: int
    keep: Line
    seed: int


def open_study(storage: str, name: str, question: Question, space: Space) -> Any:
    """Join the study `name`, or begin it.

    Args:
        storage: the path of a journal, or a URL such as `postgresql://host/database`.

    Raises:
        ParameterError: the study was begun for another question.
        FileFormatError: `storage` cannot be used.
        MissingToolError: the driver of a database is not installed.
    """
    # What Optuna has to say to a person is said by the caller, with the numbers of this search.
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    sampler = PointSampler(question.seed, space.distributions)
    try:
        opened = _open_storage(storage)
        study = optuna.create_study(
            storage=opened,
            study_name=name,
            directions=["minimize"] * len(OBJECTIVES),
            sampler=sampler,
            load_if_exists=True,
        )
    except ImportError as error:
        raise MissingToolError(
            f"`{storage}` needs a database driver: {' '.join(str(error).split())}"
        ) from None
    except (OSError, *NO_STUDY, optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
        raise FileFormatError(
            f"`{storage}` must be a study that can be read and written, or the path of a new one: "
            f"{short(' '.join(str(error).split()), _REASON)}"
        ) from None
    _ask_once(study, question, storage)
    check_study(study, space, storage)
    for point in space.starts:
        study.enqueue_trial(point, skip_if_exists=True)
    return study


def _open_storage(storage: str) -> Any:
    if "://" in storage:
        # No pool: a study is asked now and then, and nobody would close the connections that a pool keeps.
        return RDBStorage(storage, engine_kwargs={"poolclass": NullPool})
    require_writable(Path(storage))
    check_journal(Path(storage))
    # The lock is a link to the journal, which an absolute path alone makes sure to lead there.
    path = str(Path(storage).resolve())
    return JournalStorage(_Journal(path, _MendingLock(path, _LOCK_SECONDS)))


def _ask_once(study: Any, question: Question, storage: str) -> None:
    wanted = written(Question, question, "the study")
    if _QUESTION not in study.user_attrs:
        study.set_user_attr(_QUESTION, wanted)
    found = study.user_attrs[_QUESTION]
    if not isinstance(found, dict):
        raise FileFormatError(f"`{storage}` must hold a study of `expifref search`, but holds another one")
    begun = asdict(parse(Question, found, f"the question of the study in `{storage}`"))
    different = [name for name, value in wanted.items() if begun[name] != value]
    if different:
        name = different[0]
        raise ParameterError(
            f"the study `{study.study_name}` in `{storage}` was begun with {name} {short(str(begun[name]))}, "
            f"not {wanted[name]}: give the same options, or another --study or --out"
        )


class _Journal(JournalFileBackend):
    """A journal that says which file it cannot write."""

    def __init__(self, path: str, lock: JournalFileSymlinkLock) -> None:
        super().__init__(path, lock)
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines at the end; raises FileFormatError when that cannot be."""
        try:
            super().append_logs(logs)
        except OSError as error:
            raise FileFormatError(f"`{self._path}` cannot be written: {error.strerror or error}") from None


class _MendingLock(JournalFileSymlinkLock):
    """A lock whose holder finds a journal of whole lines."""

    def __init__(self, path: str, grace_period: int) -> None:
        super().__init__(path, grace_period)
        self._path = Path(path)

    def acquire(self) -> bool:
        """Wait for the lock, then cut off the line that a killed process left unfinished."""
        super().acquire()
        cut_unfinished_line(self._path)
        return True


def cut_unfinished_line(path: Path) -> None:
    """Cut `path` after its last line end; the caller holds its lock."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
