"""The comparison of executors, and that it can fail: one flipped bit anywhere must be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, product

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from expifref.exceptions import ParameterError, UnsupportedError
from exporters.deployment.assemble import program_of
from exporters.deployment.make import deploy
from exporters.executors import (
    EXECUTORS,
    ExecutorKind,
    all_executors,
    make_executors,
)
from exporters.onnx.executor import OnnxExecutor
from exporters.verification import Terms, Verification, differing_bits, merge, verify
from hw_profiles import Profile, load_profile
from quantize.graph.layers import INPUT, Graph, Port, UnitLayer
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.probes import Probe, probes
from quantize.run.trace import Execution, Executor, Spikes, State
from tests.networks import lowered, network

from .models import sequence_of, step_of

PROFILE = load_profile("generic-16bit")


def small(profile: str = "generic-16bit") -> Program:
    return lowered(network((6, 5, 4, 3), tau_synapse=None), profile)


@pytest.fixture(scope="module")
def program() -> Program:
    return small()


def spikes_for(program: Program, steps: int = 12, samples: int = 8) -> Spikes:
    rng = np.random.default_rng(5)
    return (rng.random((steps, samples, program.graph.input.channels)) < 0.4).astype(np.uint8)


def check(program: Program, executor: Executor) -> Verification:
    return verify(program, {"it": executor}, [spikes_for(program)])


def test_an_executor_that_refuses_a_program_is_passed_over(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_program: Program, _profile: Profile) -> Executor:
        raise UnsupportedError("it must have no gain, but has one")

    rows = {"jax": EXECUTORS["jax"], "other": ExecutorKind(refuse, None, "one that cannot")}
    monkeypatch.setattr("exporters.executors.EXECUTORS", rows)
    there = all_executors(program, PROFILE)
    assert (list(there.made), there.missing) == (["jax"], {})
    assert there.refused == {"other": "it must have no gain, but has one"}
    with pytest.raises(UnsupportedError):
        make_executors(["other"], program, PROFILE)
    result = verify(program, there.made, [spikes_for(program)])
    result.refused, result.all_required = there.refused, True
    assert result.passed  # no tool is missing


def test_every_executor_is_given_the_samples_it_was_promised(program: Program) -> None:
    executors = {"all": Emulator(program), "some": Emulator(program)}
    batches = [spikes_for(program, samples=5), spikes_for(program, samples=5)]
    result = verify(program, executors, batches, Terms({"some": 7}))
    assert result.executors["all"].samples == 10
    assert result.executors["some"].samples == 7


def test_nothing_compared_is_not_a_pass(program: Program) -> None:
    assert not Verification().passed
    assert not verify(program, {"it": Emulator(program)}, [], Terms(probe=False)).passed


def test_first_difference_names_the_place(program: Program) -> None:
    class OneWrong(Emulator):
        def run(
            self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
        ) -> Execution:
            execution = super().run(spikes, state, signals)
            execution.signals["layer0.membrane"][3, 2, 1] += 4
            return execution

    result = verify(program, {"it": OneWrong(program)}, [spikes_for(program)], Terms(probe=False))
    entry = result.executors["it"]
    expected = int(Emulator(program).run(spikes_for(program)).signals["layer0.membrane"][3, 2, 1])
    assert entry.differing_bits == differing_bits(np.array([expected]), np.array([expected + 4]))
    assert str(entry.first) == (
        f"layer0.membrane[1] at step 3 of sample 2 (data set) must be {expected}, not {expected + 4}"
    )
    assert not result.passed


def test_a_missing_signal_is_refused(program: Program) -> None:
    class Mute(Emulator):
        def run(
            self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
        ) -> Execution:
            kept = [name for name in signals or program.signal_names if name == "readout"]
            return super().run(spikes, state, kept)

    message = "^an executor must give every signal of the program, but has no `layer0.accumulator`$"
    with pytest.raises(ParameterError, match=message):
        check(program, Mute(program))


def test_unknown_executor_is_refused(program: Program) -> None:
    with pytest.raises(ParameterError, match=r"^executor must be one of deployment, .* not `vivado`$"):
        make_executors(["vivado"], program, PROFILE)


def test_differing_bits_counts_bits_of_two_complement() -> None:
    assert differing_bits(np.array([0, 5, -1]), np.array([0, 4, 0])) == 0 + 1 + 64


# One flipped bit -------------------------------------------------------------------------------------------


def flipped(values: Integers, index: int) -> Integers:
    changed = values.copy()
    changed.flat[index] ^= 1
    return frozen(changed)


def with_layer(graph: Graph, layer: UnitLayer) -> Graph:
    return replace(graph, layers=tuple(layer if one.name == layer.name else one for one in graph.layers))


def weight_mutants(graph: Graph) -> Iterator[tuple[str, Graph]]:
    for layer in graph.layers:
        (feed,) = layer.feeds
        for place in range(feed.connection.weight.size):
            dense = replace(feed.connection, weight=codes(flipped(feed.connection.weight, place)))
            changed = replace(layer, feeds=(replace(feed, connection=dense),))
            yield f"{layer.name}.weight.flat[{place}]", with_layer(graph, changed)


def threshold_mutants(graph: Graph) -> Iterator[tuple[str, Graph]]:
    for layer in graph.layers:
        if "threshold" in layer.constants:
            values = np.broadcast_to(layer.constants["threshold"], layer.units)
            for place in range(layer.units):
                constants = layer.constants | {"threshold": flipped(values, place)}
                changed = with_layer(graph, replace(layer, constants=constants))
                yield f"{layer.name}.threshold[{place}]", changed


def table_mutants(graph: Graph) -> Iterator[tuple[str, Graph]]:
    for layer in graph.layers:
        for name, table in layer.tables.items():
            for place in range(len(table.values)):
                tables = layer.tables | {name: replace(table, values=flipped(table.values, place))}
                yield f"{layer.name}.{name}[{place}]", with_layer(graph, replace(layer, tables=tables))


def unseen(graph: Graph, mutants: Iterable[tuple[str, Graph]]) -> list[str]:
    """Names of the mutants that no probe tells from `graph`; what `verify` runs, with early exit."""
    emulator = GraphEmulator(graph)
    expected = [(probe, emulator.run(probe.spikes, probe.state)) for probe in probes(graph)]
    return [name for name, mutant in mutants if not any(differs(mutant, *item) for item in expected)]


def differs(mutant: Graph, probe: Probe, expected: Execution) -> bool:
    found = GraphEmulator(mutant).run(probe.spikes, probe.state)
    return any((trace != found.signals[name]).any() for name, trace in expected.signals.items())


@pytest.mark.parametrize("mutants", [weight_mutants, threshold_mutants])
@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit"])
def test_every_flipped_weight_and_threshold_is_seen(
    profile: str, mutants: Callable[[Graph], Iterator[tuple[str, Graph]]]
) -> None:
    graph = small(profile).graph
    assert unseen(graph, mutants(graph)) == []


def test_every_flipped_table_entry_that_matters_is_seen() -> None:
    graph = small("generic-8bit").graph
    mutants = dict(table_mutants(graph))
    missed = unseen(graph, mutants.items())
    assert [name for name in missed if matters(graph, mutants[name])] == []
    assert len(missed) < len(mutants) / 10


def test_flipped_table_entries_are_seen_with_wide_words(program: Program) -> None:
    some = list(table_mutants(program.graph))[7::29]
    assert len(some) > 20
    assert unseen(program.graph, some) == []


def test_verify_fails_on_a_mutant(program: Program) -> None:
    for mutants in (weight_mutants, threshold_mutants, table_mutants):
        name, mutant = next(islice(mutants(program.graph), 3, None))
        assert not check(program, GraphEmulator(mutant)).passed, name


def matters(graph: Graph, mutant: Graph) -> bool:
    """Whether any membrane code and any spike pattern at a layer's inputs tell the two apart, by exhaustion.

    Near the right end of the tables a neuron reaches its threshold whatever the last bit of an entry is.
    """
    pairs = zip(graph.layers, mutant.layers, strict=True)
    return any((every_move(one) != every_move(other)).any() for one, other in pairs if one is not other)


def every_move(layer: UnitLayer) -> Integers:
    """The membrane after a step from each of its codes with each of the `2**fan_in` spike patterns."""
    (feed,) = layer.feeds
    fan_in, fmt = feed.connection.sources, layer.states["membrane"].format
    patterns = np.array(list(product((0, 1), repeat=fan_in)), np.uint8)
    every_code = np.arange(fmt.lo, fmt.hi + 1, dtype=np.int64)
    alone = replace(layer, feeds=(replace(feed, source=INPUT),))
    emulator = GraphEmulator(Graph(Port(fan_in, Format(False, 1, 0)), (alone,), layer.name))
    membrane = np.tile(np.repeat(every_code, len(patterns))[:, np.newaxis], layer.units)
    spikes = np.tile(patterns, (len(every_code), 1))[np.newaxis]
    name = f"{layer.name}.membrane"
    return emulator.run(spikes, {name: membrane}, (name,)).signals[name]


def test_one_flipped_bit_in_a_deployment_file_is_seen(program: Program) -> None:
    deployment = deploy(program.graph, label_of(program), PROFILE)
    core = deployment.cores[0]
    part, *others = core.slices
    (rows,) = part.weight_rows
    changed = (*rows[:2], f"{rows[2][:-1]}{int(rows[2][-1], 16) ^ 1:x}", *rows[3:])
    core = replace(core, slices=(replace(part, weight_rows=(changed,)), *others))
    tampered = replace(deployment, cores=(core, *deployment.cores[1:]))
    assert check(program, GraphEmulator(program_of(deployment).graph)).passed
    assert not check(program, GraphEmulator(program_of(tampered).graph)).passed


@pytest.mark.parametrize("build", [sequence_of, step_of])
@pytest.mark.parametrize(
    "name", ["layer0/feeds/0/weight", "layer0/constants/threshold", "layer0/tables/growth,gain/rows"]
)
def test_one_flipped_bit_in_an_onnx_model_is_seen(
    program: Program, build: Callable[[Program], onnx.ModelProto], name: str
) -> None:
    model = build(program)
    assert check(program, OnnxExecutor(model)).passed
    flip_constant(model, name)
    assert not check(program, OnnxExecutor(model)).passed


def flip_constant(model: onnx.ModelProto, name: str) -> None:
    found = [tensor for tensor in constants(model.graph) if tensor.name == name]
    assert len(found) == 1, f"the model must have one constant {name}"
    values = numpy_helper.to_array(found[0]).copy()
    values.flat[values.size // 2] ^= 1
    found[0].CopyFrom(numpy_helper.from_array(values, name))


def constants(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The initializers of `graph` and of the graphs inside it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from constants(attribute.g)


def test_probes_are_reproducible(program: Program) -> None:
    for one, other in islice(zip(probes(program.graph), probes(program.graph), strict=True), 50):
        assert one.purpose == other.purpose
        assert (one.spikes == other.spikes).all()
        assert all((one.state[key] == other.state[key]).all() for key in one.state)


def test_ranges_of_samples_merge_to_the_whole(program: Program) -> None:
    class WrongInOneSample(Emulator):
        def run(
            self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
        ) -> Execution:
            execution = super().run(spikes, state, signals)
            if spikes.shape[1] == 5:
                execution.signals["layer0.membrane"][3, 2, 1] += 4
            return execution

    batches = [spikes_for(program, samples=3), spikes_for(program, samples=5)]
    wrong = {"it": WrongInOneSample(program)}
    whole = verify(program, wrong, batches, Terms(probe=False))
    parts = [
        verify(program, wrong, [spikes], Terms(probe=False, first_sample=first))
        for first, spikes in zip((0, 3), batches, strict=True)
    ]
    assert merge(parts).executors == whole.executors
    assert "at step 3 of sample 5 (data set)" in str(whole.executors["it"].first)
