"""Claims about a module: what always holds of it, said in its own signals and proven by induction.

They are written at the end of the module as it was emitted. What holds in so many clocks behind one
another, from any content of all registers and memories, must hold in the next; a reset counts as such clocks,
so that it holds from the first reset on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporters.emitter import Emitter

from .memories import Files
from .module import Module
from .provers import UNROLLED, YOSYS

__all__ = ["Claims"]

_END = "endmodule"


@dataclass
class Claims:
    """Claims about `module`, whose text is not changed but at its end."""

    module: Module
    clocks: int
    """In which a claim must have held before it is asked."""

    e: Emitter = field(default_factory=Emitter)
    free: list[str] = field(default_factory=list)
    """Signals that may be anything at any time."""

    given: list[str] = field(default_factory=list)
    """What is taken from the modules around this one, which have claims of their own that say so."""

    kept: dict[str, str] = field(default_factory=dict)
    """What holds, by a name."""

    apart: list[str] = field(default_factory=list)
    """Modules inside of which nothing is known: what they give may be anything at any time."""

    _late: dict[str, int] = field(default_factory=dict)

    def any(self, kind: str, name: str) -> None:
        """A signal that may be anything."""
        self.e(f"{kind} {name};")
        self.free.append(name)

    def constant(self, kind: str, name: str) -> None:
        """A number that may be any, but stays."""
        self.any(kind, name)
        self.e(f"{kind} {name}_before;")
        self.e(f"always_ff @(posedge clk) {name}_before <= {name};")
        self.given.append(f"{name} == {name}_before")

    def register(self, kind: str, name: str, *cases: tuple[str, str]) -> None:
        """A register: of `cases`, condition and value, the first that holds; 0 after a reset."""
        self.e(f"{kind} {name};")
        self.e("always_ff @(posedge clk)")
        with self.e.indent():
            self.e(f"if (rst) {name} <= '0;")
            for condition, value in cases:
                self.e(f"else if ({condition}) {name} <= {value};")

    def late(self, kind: str, name: str, clocks: int, *cases: tuple[str, str]) -> str:
        """What `name` was so many clocks ago, or 0 since a reset; `cases` go before that.

        All who ask for a name share its registers.
        """
        for clock in range(self._late.get(name, 0) + 1, clocks + 1):
            before = name if clock == 1 else f"{name}_{clock - 1}"
            self.register(kind, f"{name}_{clock}", *cases, ("1'b1", before))
        self._late[name] = max(clocks, self._late.get(name, 0))
        return f"{name}_{clocks}" if clocks else name

    @property
    def name(self) -> str:
        """Of the files that say and ask it."""
        return f"{self.module.name}_claims"

    def text(self) -> str:
        """The module with its claims."""
        head = str(self.module.text).rstrip().removesuffix(_END)
        e = Emitter()
        with e.indent():
            e()
            e("// Claims: no bit of `differs` must ever rise.")
            for line in str(self.e).splitlines():
                e(line)
            e("logic claims_given;")
            e(f"assign claims_given = {' && '.join(f'({one})' for one in self.given) or '1'};")
            e(f"logic [{len(self.kept) - 1}:0] claims_kept, differs;")
            for place, (said, kept) in enumerate(self.kept.items()):
                e(f"assign claims_kept[{place}] = {kept};  // {said}")
            e(f"logic [{self.clocks - 1}:0] claims_past;")
            shifted = f"claims_past[{self.clocks - 2}:0], " if self.clocks > 1 else ""
            e("always_ff @(posedge clk)")
            with e.indent():
                e("if (rst) claims_past <= '1;")
                e(f"else     claims_past <= {{{shifted}claims_given && claims_kept == '1}};")
            e("assign differs = (claims_past == '1 && claims_given) ? ~claims_kept : '0;")
        return f"{head}{e}{_END}\n"

    def files(self, others: Sequence[str]) -> Files:
        """The module with its claims, and the scripts that ask whether they hold; with files `others`."""
        name, sources = self.module.name, " ".join([f"{self.name}.sv", *others])
        asked = {"name": self.name, "clocks": self.clocks + 1, "last": self.clocks}
        script = [
            f"read_verilog -sv -formal {sources}",
            *(f"delete {name}/t:{kind}" for kind in self.apart),
            # Names of banks are read into their places here, which makes the module anew.
            f"hierarchy -top {name}",
            f"delete -port {name}/o:*",
            *(f"expose -input {name}/w:{one}" for one in self.free),
            f"expose {name}/w:differs",
            # What nothing drives, or lies behind the end of a memory, may be anything.
            YOSYS.format(top=name, name=self.name, more="setundef -undriven -anyseq\n"),
        ]
        questions = (UNROLLED.format(output=output, **asked) for output in range(len(self.kept)))
        return {
            f"{self.name}.sv": self.text(),
            f"{self.name}.ys": "\n".join(script),
            f"{self.name}.abc": "".join(questions),
        }
