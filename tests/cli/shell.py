"""Calling the command line inside the test process, through the same entry as the console script."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from cli.main import main

__all__ = ["Outcome", "expifref", "refused", "succeeds"]


@dataclass(frozen=True)
class Outcome:
    """What a person or a script sees of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


def expifref(*arguments: object) -> Outcome:
    """Run `expifref` with `arguments`."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["expifref", *(str(argument) for argument in arguments)]
    code: Any = None
    with (
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), err.getvalue())


def succeeds(*arguments: object) -> Outcome:
    """Run a command that must end with 0 and leave stderr, which is no terminal here, silent."""
    outcome = expifref(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines()), default=0) <= 80 or "--json" in arguments
    return outcome


def refused(folder: Path, *arguments: object) -> str:
    """The one sentence of a command that must end with 2 and leave every file in `folder` as it was."""
    before = _contents(folder)
    outcome = expifref(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("expifref: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    assert _contents(folder) == before
    return outcome.err.removeprefix("expifref: ").rstrip("\n")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
