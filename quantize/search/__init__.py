"""The search for the smallest formats that keep what the user wants to keep (docs/search.md).

Needs Optuna, so nothing imports this package at module level.
"""

from .costs import multiply_cost
from .evaluation import Examples, Keep, Outcome, evaluate, examples, measure
from .front import Finished, Point, finished_points, front
from .space import Space
from .storage import Question, open_study
from .workers import open_points, requeue_abandoned, work

__all__ = [
    "Examples",
    "Finished",
    "Keep",
    "Outcome",
    "Point",
    "Question",
    "Space",
    "evaluate",
    "examples",
    "finished_points",
    "front",
    "measure",
    "multiply_cost",
    "open_points",
    "open_study",
    "requeue_abandoned",
    "work",
]
