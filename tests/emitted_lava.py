"""The folder that `--to lava` writes, run in this Python: on a stand-in for Lava, and without."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from expifref.files.scratch import scratch_folder_of
from exporters.lava.folder import lava_files
from exporters.running import lay_out
from quantize.graph.layers import Graph
from quantize.program.label import Label
from quantize.run.states import check_state, kept_signals
from quantize.run.trace import Execution, Spikes, State
from tests.lava_stand_in import stand_in

__all__ = ["StandInExecutor", "imported"]


class StandInExecutor:
    """The emitted processes, by the emitted runner; what it gives without Lava must be the same."""

    def __init__(self, graph: Graph, label: Label) -> None:
        self.graph = graph
        self._folder = scratch_folder_of(self)
        lay_out(self._folder, lava_files(graph, label))

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """As `exporters.lava.executor.LavaExecutor.run`."""
        kept = kept_signals(self.graph, signals)
        given = check_state(self.graph, state or {}, spikes.shape[1])
        with stand_in(), imported(self._folder, "run") as runner:
            frames = runner.checked(runner.NETWORK, spikes)
            found = runner.run(runner.NETWORK, frames, given, lava=True)
            plain = runner.run(runner.NETWORK, frames, given, lava=False)
        assert found.keys() == plain.keys()
        for name, values in found.items():
            np.testing.assert_array_equal(plain[name], values, err_msg=name)
        return Execution(
            {name: found[f"signal.{name}"] for name in kept},
            {name: found[f"state.{name}"] for name in self.graph.state_units},
        )


@contextmanager
def imported(folder: Path, name: str) -> Iterator[ModuleType]:
    """The module `name` of `folder`, which finds the others there; afterwards nobody else does."""
    names = {path.stem for path in folder.glob("*.py")}
    before = {one: sys.modules.pop(one) for one in names & sys.modules.keys()}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for one in names:
            sys.modules.pop(one, None)
        sys.modules.update(before)
