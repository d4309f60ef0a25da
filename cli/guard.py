"""The silent-network guard on the command line: warnings, or with --strict a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expifref.exceptions import FidelityError

from .options import CALIBRATION_SAMPLES
from .output import print_text

if TYPE_CHECKING:
    from expifref.data import Dataset
    from expifref.network.description import Description
    from quantize.program.program import Program

__all__ = ["guard_network", "print_warnings"]


def guard_network(
    description: Description,
    program: Program,
    data: Dataset,
    seed: int,
    strict: bool,
    samples: int = CALIBRATION_SAMPLES,
) -> list[str]:
    """What the guard finds on the `samples` that the program was calibrated with, and what helps.

    Raises:
        FidelityError: it finds something and `strict` is set.
    """
    from hw_profiles import parse_profile
    from quantize.fidelity import guard
    from quantize.fidelity.advice import never_spiking, outlying
    from quantize.lowering.calibration import calibrate
    from quantize.lowering.remedies import remedy

    from .samples import calibration_batches

    batches = list(calibration_batches(data, description, seed, samples))
    findings = guard(description, program, batches)
    if strict and findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise FidelityError(f"`--strict` refuses the program{more}: {findings[0]}")
    asleep = list(never_spiking(description, batches))
    if not findings:
        return asleep
    profile = parse_profile(program.evidence.profile, "the profile in the program")
    helps = str(remedy(description, calibrate(description, batches), batches, profile))
    return [*findings, *outlying(description), *asleep, helps]


def print_warnings(findings: list[str]) -> None:
    """One paragraph for each finding."""
    for finding in findings:
        print_text(f"Warning: {finding}.")
