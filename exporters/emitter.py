"""Source text, line by line: what every emitter of a language writes into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Emitter"]


@dataclass
class Emitter:
    """Collects lines; each is indented as deep as the blocks around it, and an empty one stays empty."""

    unit: str = "    "
    _depth: int = 0
    _lines: list[str] = field(default_factory=list)

    def __call__(self, line: str = "") -> None:
        """Add one line."""
        self._lines.append(f"{self.unit * self._depth}{line}" if line else "")

    @contextmanager
    def indent(self) -> Iterator[None]:
        """One level deeper within the `with` block."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)
