"""Words of a description without a clock, brought to the clocks at which a pipeline has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.emitter import Emitter

__all__ = ["Late"]


@dataclass
class Late:
    """Registers behind one another, each word's own; all who ask for a word share them."""

    e: Emitter
    _clocks: dict[str, int] = field(default_factory=dict)

    def at(self, name: str, text: str, width: int, stage: int) -> str:
        """`text`, of `width` bits, which is called `name`, so many clocks later."""
        first = self._clocks.get(name)
        if first is None:
            first = 0
            self.e(f"logic [{width - 1}:0] {name}_late_0;")
            self.e(f"assign {name}_late_0 = {text};")
        for clock in range(first + 1, stage + 1):
            self.e(f"logic [{width - 1}:0] {name}_late_{clock};")
            self.e(f"always_ff @(posedge clk) {name}_late_{clock} <= {name}_late_{clock - 1};")
        self._clocks[name] = max(first, stage)
        return f"{name}_late_{stage}"
