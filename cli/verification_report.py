"""How a verification is printed, as a table or as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .output import print_table, print_text

if TYPE_CHECKING:
    from exporters.verification import Verification

__all__ = ["EMULATOR", "print_result", "summarize"]

EMULATOR = "emulator"
"""The name of the reference that others are compared with unless another one is asked for."""


def summarize(result: Verification) -> dict[str, Any]:
    """The verification as plain JSON values."""
    return {
        "passed": result.passed,
        "executors": {
            name: {
                "samples": entry.samples,
                "neuron_steps": entry.neuron_steps,
                "values": entry.values,
                "differing_bits": entry.differing_bits,
                "first_difference": None if entry.first is None else str(entry.first),
            }
            for name, entry in result.executors.items()
        },
        "not_run": result.not_run,
        "refused": result.refused,
    }


def print_result(result: Verification, reference: str = EMULATOR) -> None:
    """The verification as a table, and the first difference of each executor that has one."""
    from exporters.executors import are_boards

    rows = [
        [name, entry.samples, entry.neuron_steps, entry.values, entry.differing_bits]
        for name, entry in result.executors.items()
    ]
    headers = ["executor", "samples", "neuron steps", "values compared", "differing bits"]
    print_table(f"Every signal of every step against {_named(reference)}", rows, headers)
    for name in sorted(are_boards(result.executors)):
        print_text(f"{name} tells its output alone: nothing else of it was compared, and no probe was run.")
    for name, entry in result.executors.items():
        if entry.first is not None:
            print_text(f"{name}: {entry.first}")
    for name, reason in {**result.not_run, **result.refused}.items():
        print_text(f"{name} was not run: {reason}")
    if result.not_run and result.all_required:
        print_text("Where CI is `true` every executor must run, so this verification fails.")


def _named(reference: str) -> str:
    return "the emulator" if reference == EMULATOR else f"`{reference}`"
