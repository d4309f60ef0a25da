"""Names of C: each is taken once, and none is a word of the language or of the interface."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .helpers import HELPERS

__all__ = ["Names"]

_LANGUAGE = frozenset(
    (
        *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum"),
        *("extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return"),
        *("short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void"),
        *("volatile", "while", "asm", "typeof", "bool", "true", "false", "nullptr", "alignas", "alignof"),
        *("constexpr", "linux", "unix", "main"),
    )
)
"""Also of later standards and of GNU C, where somebody builds the files with them."""

_INTERFACE = frozenset(
    f"expifref_{name}"
    for name in (
        *("output", "reset", "step", "input", "held_step", "signal", "set_state"),
        *("signal_size", "signal_is_state", "signal_name"),
    )
)


@dataclass
class Names:
    """The names that are taken at some place of the file."""

    taken: set[str] = field(default_factory=lambda: {*_LANGUAGE, *_INTERFACE, *HELPERS})

    def claim(self, wanted: str) -> str:
        """`wanted`, or the nearest name to it that is free."""
        # Programs in memory may hold anything, and an identifier cannot be quoted.
        name = re.sub("[^a-z0-9_]", "_", wanted)
        if not name[:1].isalpha():
            name = f"x{name}"
        # `_t` ends the names of types.
        while name in self.taken or name.endswith("_t"):
            name += "_"
        self.taken.add(name)
        return name

    def inside(self, *parameters: str) -> Names:
        """For the inside of a function with `parameters`."""
        return Names({*self.taken, *parameters})
