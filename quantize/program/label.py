"""What is written on every exported form beside its arithmetic: which program it is, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from expifref.network.decision import SUM

from .file import digest
from .program import SPEC_VERSION, Program

__all__ = ["Label", "label_of"]


@dataclass(frozen=True)
class Label:
    """Nothing here changes a bit of a run."""

    digest: str
    tool_version: str
    device: str  # the name of the profile
    encoder: str
    dt_seconds: float
    steps: int  # per sample, in training
    decision: str = SUM  # a rule of `expifref.network.decision`
    spec: str = SPEC_VERSION


def label_of(program: Program) -> Label:
    """The label of `program`."""
    return Label(
        digest=digest(program),
        tool_version=program.evidence.tool_version,
        device=program.evidence.device,
        encoder=program.encoder,
        dt_seconds=program.dt_seconds,
        steps=program.steps,
        decision=program.decision,
    )
