"""Units alone on values that are given: what they did in the program, at every width, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.exceptions import DataError, ParameterError
from exporters.native.driven import DrivenExecutor
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.networks import lowered, network
from tests.tools import need


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3), tau_synapse=None), "generic-16bit")


def driven(program: Program, threads: int = 1) -> DrivenExecutor:
    """The neurons of the first layer, by what drives them."""
    layer = program.graph.layers[0]
    return DrivenExecutor(program.graph, layer.name, layer.signals["drive"], threads)


@pytest.mark.parametrize("tau", [None, 5e-3])
@pytest.mark.parametrize("width", [5, 64, 1024, 2100])
def test_driven_neurons_are_those_of_the_program(width: int, tau: float | None) -> None:
    """Given the drives that a run of the emulator formed, the neurons alone do what they did in it."""
    need("gcc")
    program = lowered(network((6, width, 3), tau_synapse=tau), "generic-16bit")
    spikes = (np.random.default_rng(8).random((60, 1, 6)) < 0.6).astype(np.uint8)
    run = Emulator(program).run(spikes)
    found = driven(program, 2).run(run.signals["layer0.drive"][:, 0])
    assert found.total.sum() > 0
    assert np.array_equal(found.total, run.signals["layer0.spikes"][:, 0].sum(axis=0))
    assert list(found.state) == ["layer0.membrane", "layer0.refractory"]
    for name, state in found.state.items():
        assert np.array_equal(state, run.state[name][0])


def test_drives_of_the_type_of_the_format_need_no_look(program: Program) -> None:
    need("gcc")
    drive = np.random.default_rng(0).integers(-32768, 32768, (40, 5))
    wide, narrow = (driven(program).run(drive.astype(dtype)) for dtype in (np.int64, np.int16))
    assert wide.total.sum() > 0
    assert np.array_equal(wide.total, narrow.total)
    assert np.array_equal(wide.state["layer0.membrane"], narrow.state["layer0.membrane"])


@pytest.mark.parametrize("bits", [8, 31, 32, 40])
def test_sums_of_graded_outputs_do_not_overflow(bits: int) -> None:
    need("gcc")
    graph = graded(Format(True, bits, 0))
    largest = (1 << bits - 1) - 1
    given = np.tile(np.array([[largest, -largest - 1, 1]]), (700, 1))
    found = DrivenExecutor(graph, "copy", "given").run(given)
    assert found.total.tolist() == [700 * largest, -700 * (largest + 1), 700]
    assert found.state == {}


def graded(fmt: Format) -> Graph:
    body = Body()
    feed = LayerFeed(INPUT, Dense(np.ones((1, 3), np.int8), Format(True, 2, 0), fmt), frozen([0]))
    site = Quantizer(fmt, Rounding.TRN, Overflow.SAT)
    given = body.overflow(body.feed(0, "sum"), site, "given")
    body.signals["both"] = body.add("sum", given, "both")
    return Graph(Port(1, fmt), (body.layer("copy", 3, (feed,), given),), "copy")


def test_errors_are_sentences(program: Program) -> None:
    need("gcc")
    executor, graph = driven(program), program.graph
    with pytest.raises(DataError, match=r"^`rescale` must be \[steps, 5\], not \[2, 4\]$"):
        executor.run(np.zeros((2, 4), np.int64))
    with pytest.raises(DataError, match=r"^`rescale` must lie in -32768..32767, not in 0..40000$"):
        executor.run(np.full((2, 5), 40_000) * np.array([0, 1, 1, 1, 1]))
    with pytest.raises(ParameterError, match=r"^the layer must be one of layer0, readout, not `layer7`$"):
        DrivenExecutor(graph, "layer7", "rescale")
    for result in ("accumulator", "nothing"):
        with pytest.raises(
            ParameterError, match=rf"^`layer0.{result}` must be a result that is brought into"
        ):
            DrivenExecutor(graph, "layer0", result)
    with pytest.raises(ParameterError, match=r"^what follows `readout.rescale` must need no other feed"):
        DrivenExecutor(with_two_feeds(), "readout", "rescale")


def with_two_feeds() -> Graph:
    fmt = Format(True, 8, 0)
    body = Body()
    weight = Dense(np.ones((1, 3), np.int8), Format(True, 2, 0), fmt)
    feeds = tuple(LayerFeed(INPUT, weight, frozen([age])) for age in (0, 1))
    site = Quantizer(fmt, Rounding.TRN, Overflow.SAT)
    one = body.overflow(body.feed(0), site, "rescale")
    layer = body.layer("readout", 3, feeds, body.add(one, body.feed(1)))
    return Graph(Port(1, fmt), (layer,), "readout")
