"""A reader who does all that a page says, from the top to the bottom, in one folder."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from expifref.training.settings import TrainingSettings
from exporters.tools import override_name
from hw_profiles import check_profile
from quantize.program.file import load_program
from tests.cli.shell import expifref
from tests.exporters.board.simulated import someone
from tests.exporters.board.written import WrittenBoard
from tests.tools import need

from .commands import NAMES, OPTIONS, is_whole, understood
from .inventory import ROOT, Snippet, steps_of
from .tables import FOREIGN, NEEDS, SLOW, left_out, smaller

__all__ = ["Reader"]

PORT = "/dev/ttyUSB0"
"""Where a board is on the pages; here a program answers at a pseudo-terminal."""

OF_A_READER = {"CI": ""}
"""A page speaks to a person: there a tool that is missing is no failure, and `doctor` ends with 0."""

ENVIRONMENT = (
    os.environ
    | {"PATH": os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))}
    | OF_A_READER
)
"""Tools that pip installs lie beside the interpreter, which need not be on the path."""

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


_PIP = re.compile(r"(pip|pipx) ")
"""Nothing is installed, but extras must exist."""


class Reader:
    """What a reader has at some line of a page: a folder, and the names of its Python."""

    def __init__(self, folder: Path, names: dict[str, Any]) -> None:
        self.top = self.folder = folder
        self.names: dict[str, Any] = {"TrainingSettings": TrainingSettings, **names}
        self.printed = ""

    def read(self, snippet: Snippet) -> None:
        """Do what `snippet` says, in the folder of the page; AssertionError where that fails."""
        self.folder = self.top
        ways: dict[str, Callable[[Snippet], None]] = {
            "sh": self._shell,
            "python": self._python,
            "c": self._c,
            "json": self._json,
        }
        ways |= {"mention": self._mention, "text": lambda _: None}
        assert snippet.language in ways, (
            f"line {snippet.line}: `{snippet.language}` is no language of a fence"
        )
        try:
            ways[snippet.language](snippet)
        except Exception as error:
            raise AssertionError(f"line {snippet.line}: {error}") from error

    def _shell(self, snippet: Snippet) -> None:
        for step in steps_of(snippet):
            self._do(step)

    def _mention(self, snippet: Snippet) -> None:
        """In a sentence a command may be only named, as may an option: then it must be there."""
        program, _space, rest = snippet.text.partition(" ")
        if program in NAMES and rest.startswith("-"):
            understood(f"expifref {snippet.text}", whole=False)
        elif program.startswith("--"):
            assert program.partition("=")[0] in {*OPTIONS, *FOREIGN}, f"no command has an option `{program}`"
        elif program == "expifref":
            words = shlex.split(snippet.text)
            self._do(snippet.text) if is_whole(words) else understood(snippet.text, whole=False)
        elif rest and (program in ("make", "python") or _PIP.match(snippet.text)):
            self._do(snippet.text)

    def _do(self, step: str) -> None:
        if command := re.search(r"\bexpifref (.*)$", step):
            understood(command[0].partition(" > ")[0])
        if left_out(step):
            return
        step, _changes = smaller(step)
        need(*(tool for found, tools in NEEDS.items() if re.search(found, step) for tool in tools))
        program, _space, rest = step.partition(" ")
        if program == "cd":
            self.folder = self.folder / rest
        elif program == "expifref":
            self._expifref(step)
        elif _PIP.match(step):
            for name in re.findall(r"\[(\w+)\]", step):
                assert name in EXTRAS, f"`{step}`: no extra `{name}`"
        elif program == "make" and self.folder == self.top:
            target = rest.partition(" ")[0]
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"`{step}`: no such target"
        else:
            self._other(step)

    def _expifref(self, step: str) -> None:
        command, _arrow, kept = step.partition(" > ")
        with ExitStack() as stack:
            stack.enter_context(contextlib.chdir(self.folder))
            stack.enter_context(mock.patch.dict(os.environ, OF_A_READER))
            if PORT in command:
                board = WrittenBoard(load_program(Path("program.json")))
                command = command.replace(PORT, stack.enter_context(someone(board)))
            if "--on ecp5" in command:
                stack.enter_context(without_slow_tools())
            outcome = expifref(*shlex.split(command)[1:])
            if kept:
                Path(kept).write_text(outcome.out, encoding="utf-8")
        assert outcome.code == 0, f"`{step}` ended with {outcome.code}: {outcome.err}{outcome.out}"

    def _other(self, step: str) -> None:
        done = subprocess.run(
            step, shell=True, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"`{step}` ended with {done.returncode}: {done.stderr}{done.stdout}"

    def _python(self, snippet: Snippet) -> None:
        if left_out(snippet.text):
            return
        text, _changes = smaller(snippet.text)
        code = compile("\n" * (snippet.line - 1) + text, "a page", "exec")
        printed = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(printed),
            without_slow_tools(),
            mock.patch.dict(os.environ, OF_A_READER),
        ):
            exec(code, self.names)
        self.printed += printed.getvalue()

    def _c(self, snippet: Snippet) -> None:
        """A program of its own, of the network that the page has exported."""
        need("gcc")
        (header,) = self.top.rglob("network.h")
        (header.parent / "snippet.c").write_text(snippet.text, encoding="utf-8")
        self.folder = header.parent
        self._other("gcc -std=c99 -Wall -Wextra -Werror snippet.c network.c -o snippet && ./snippet")

    def _json(self, snippet: Snippet) -> None:
        """All JSON of the pages is profiles."""
        path = self.top / "snippet.json"
        path.write_text(snippet.text, encoding="utf-8")
        check_profile(path)


def without_slow_tools() -> AbstractContextManager[object]:
    return mock.patch.dict(os.environ, {override_name(tool): "/nowhere" for tool in SLOW})
