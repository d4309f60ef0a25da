"""One command run by several ranks, on one machine or many: each does its share, rank 0 tells the result."""

from .entry import joined
from .forms import Form, form_of, list_of
from .group import ALONE, Group

__all__ = ["ALONE", "Form", "Group", "form_of", "joined", "list_of"]
