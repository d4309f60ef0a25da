"""A program on a board as an executor: what leaves it, at every step of samples from the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import BoardError, ParameterError, UnsupportedError
from exporters.systemverilog.loading import identity, layouts, weight_packets
from exporters.systemverilog.weights import FeedKey, Weights, weights_for
from quantize.graph.layers import Graph
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers
from quantize.run.states import check_values
from quantize.run.trace import Execution, Spikes, State

from .limits import require_packets
from .line import PATIENCE_S, Line
from .packets import encode, identity_of, values_of

__all__ = ["BoardExecutor"]


class BoardExecutor:
    """A board that runs a program, greeted and with its weights loaded.

    It tells the output of the network alone, and every sample starts from the initial state.
    """

    def __init__(
        self, graph: Graph, digest: str, profile: Mapping[str, Any], port: str, patience_s: float = PATIENCE_S
    ) -> None:
        """Open `port`, ask who is there, and load the weights that it asks for.

        Args:
            graph: what the board must run.
            digest: of its program.
            profile: of its device, as plain JSON values.
            port: a device such as /dev/ttyUSB0, or one end of a pseudo-terminal.
            patience_s: how long the board may take to answer, in seconds.

        Raises:
            BoardError: the port cannot be opened, or what is there does not answer or is another program.
            MissingToolError: pyserial is not installed.
            UnsupportedError: the program does not fit the packets, or its output is no signal.
        """
        require_packets(graph)
        if graph.output_signal not in graph.signal_units:
            raise UnsupportedError(
                f"what leaves a board must be a signal of the program, but `{graph.output_signal}` is none"
            )
        self.graph = graph
        self.binary = proof_of(graph).sources[graph.output].binary
        self.loaded_words = 0
        known = _known(graph, digest, profile)
        self._line = Line(port, patience_s)
        try:
            self._identity = self._line.hello(known)
            self._load(known[self._identity])
        except BoardError:
            self._line.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        self._line.close()

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`, and return the output; see `Executor.run`.

        Raises:
            BoardError: the board is silent, refuses a step, or says what is no answer.
            ParameterError: a state or another signal is asked for.
        """
        if state is not None or any(name != self.graph.output_signal for name in signals or ()):
            raise ParameterError(
                f"a board must start from the initial state and tell `{self.graph.output_signal}` alone"
            )
        values = check_values(self.graph.input, spikes)
        samples = [np.stack(list(self.steps(values[:, place]))) for place in range(values.shape[1])]
        return Execution({self.graph.output_signal: np.stack(samples, axis=1)}, {})

    def steps(self, values: NDArray[np.integer[Any]]) -> Iterator[Integers]:
        """The output `[units]` of each step of one sample, `[steps, inputs]`, from the initial state on."""
        self._line.again(self._identity)
        units = self.graph.units(self.graph.output)
        for frame in values:
            answer = values_of(self._line.ask(encode(frame.tolist()), units + 1))
            yield _output(answer, units, not self.binary)

    def _load(self, weights: Mapping[FeedKey, Weights]) -> None:
        packets = weight_packets(self.graph, weights)
        if packets:
            values_of(self._line.ask(packets, self.graph.units(self.graph.output) + 1))
            self.loaded_words = len(packets) // 4 - 1


def _known(graph: Graph, digest: str, profile: Mapping[str, Any]) -> dict[bytes, Mapping[FeedKey, Weights]]:
    """Every identity that the program can have on a board, and what must then be loaded."""
    designs = layouts(weights_for(graph, profile))
    return {identity_of(digest): {}} | {identity(graph, digest, how): how for how in designs}


def _output(answer: Sequence[tuple[int, int]], units: int, graded: bool) -> Integers:
    places = [place for place, _ in answer]
    whole = sorted(places) == list(range(units)) if graded else len(set(places)) == len(places)
    if not whole or max(places, default=0) >= units:
        raise BoardError(
            f"the answer of a board must have {'each' if graded else 'any'} of {units} outputs once, "
            f"but has {len(places)}, of the indices {', '.join(map(str, places[:8]))}"
        )
    output = np.zeros(units, np.int64)
    for place, value in answer:
        output[place] = value if graded else 1
    return output
