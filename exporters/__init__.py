"""The forms of a program, the executors of those forms, and the proof that all compute the same bits."""

from .executors import EXECUTORS, all_executors, make_executors
from .registry import MODEL_TARGETS, PROGRAM_TARGETS, export_model, export_program
from .verification import Terms, Verification, verify

__all__ = [
    "EXECUTORS",
    "MODEL_TARGETS",
    "PROGRAM_TARGETS",
    "Terms",
    "Verification",
    "all_executors",
    "export_model",
    "export_program",
    "make_executors",
    "verify",
]
