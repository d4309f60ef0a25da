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
from exporters.deployment.make import deploy, program_of
from exporters.executors import (
    EXECUTORS,
    ExecutorKind,
    all_executors,
    make_executors,
    missing_executors,
    sample_limits,
)
from exporters.onnx.executor import OnnxExecutor
from exporters.verification import Verification, differing_bits, merge, verify
from hw_profiles import Profile, load_profile
from quantize.arrays import Integers, frozen
from quantize.emulator import Emulator, lookup
from quantize.formats import overflow, requantize, round_shift
from quantize.probes import Probe, probes
from quantize.program import Layer, NeuronUpdate, Program, SpikingLayer
from quantize.trace import Execution, Executor, Spikes, State
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
    return (rng.random((steps, samples, program.input.channels)) < 0.4).astype(np.uint8)


def check(program: Program, executor: Executor) -> Verification:
    return verify(program, {"it": executor}, [spikes_for(program)])


def test_all_executors_agree(program: Program) -> None:
    executors = all_executors(program, PROFILE).made
    result = verify(program, executors, [spikes_for(program)], sample_limits(executors))
    assert set(result.executors) == set(EXECUTORS) - set(missing_executors())
    assert result.passed
    assert all(entry.differing_bits == 0 and entry.neuron_steps > 0 for entry in result.executors.values())


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
    result = verify(program, executors, batches, {"some": 7})
    assert result.executors["all"].samples == 10
    assert result.executors["some"].samples == 7


def test_nothing_compared_is_not_a_pass(program: Program) -> None:
    assert not Verification().passed
    assert not verify(program, {"it": Emulator(program)}, [], probe=False).passed


def test_first_difference_names_the_place(program: Program) -> None:
    class OneWrong(Emulator):
        def run(
            self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
        ) -> Execution:
            execution = super().run(spikes, state, signals)
            execution.signals["layer0.membrane"][3, 2, 1] += 4
            return execution

    result = verify(program, {"it": OneWrong(program)}, [spikes_for(program)], probe=False)
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
            kept = [name for name in signals or self.program.signal_names if name == "readout"]
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


def with_layer(program: Program, index: int, layer: Layer) -> Program:
    return replace(program, layers=tuple(layer if i == index else x for i, x in enumerate(program.layers)))


def weight_mutants(program: Program) -> Iterator[tuple[str, Program]]:
    for index, layer in enumerate(program.layers):
        for place in range(layer.dense.weight.size):
            dense = replace(layer.dense, weight=flipped(layer.dense.weight, place))
            yield (
                f"{layer.name}.weight.flat[{place}]",
                with_layer(program, index, replace(layer, dense=dense)),
            )


def threshold_mutants(program: Program) -> Iterator[tuple[str, Program]]:
    for index, layer in enumerate(program.layers):
        if isinstance(layer, SpikingLayer):
            for place in range(layer.width):
                neuron = replace(layer.neuron, threshold=flipped(layer.neuron.threshold, place))
                changed = with_layer(program, index, replace(layer, neuron=neuron))
                yield f"{layer.name}.threshold[{place}]", changed


def table_mutants(program: Program) -> Iterator[tuple[str, Program]]:
    for index, layer in enumerate(program.layers):
        if not isinstance(layer, SpikingLayer):
            continue
        n = layer.neuron
        for place in range(len(n.growth.values)):
            growth = replace(n.growth, values=flipped(n.growth.values, place))
            changed = with_layer(program, index, replace(layer, neuron=replace(n, growth=growth)))
            yield f"{layer.name}.growth[{place}]", changed
        for which, table in enumerate(n.gain):
            for place in range(len(table.values)):
                gain = tuple(
                    replace(t, values=flipped(t.values, place)) if i == which else t
                    for i, t in enumerate(n.gain)
                )
                changed = with_layer(program, index, replace(layer, neuron=replace(n, gain=gain)))
                yield f"{layer.name}.gain[{which}][{place}]", changed


def unseen(program: Program, mutants: Iterable[tuple[str, Program]]) -> list[str]:
    """Names of the mutants that no probe tells from `program`; what `verify` runs, with early exit."""
    emulator = Emulator(program)
    expected = [(probe, emulator.run(probe.spikes, probe.state)) for probe in probes(program.graph)]
    return [name for name, mutant in mutants if not any(differs(mutant, *item) for item in expected)]


def differs(mutant: Program, probe: Probe, expected: Execution) -> bool:
    found = Emulator(mutant).run(probe.spikes, probe.state)
    return any((trace != found.signals[name]).any() for name, trace in expected.signals.items())


@pytest.mark.parametrize("mutants", [weight_mutants, threshold_mutants])
@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit"])
def test_every_flipped_weight_and_threshold_is_seen(
    profile: str, mutants: Callable[[Program], Iterator[tuple[str, Program]]]
) -> None:
    program = small(profile)
    assert unseen(program, mutants(program)) == []


def test_every_flipped_table_entry_that_matters_is_seen() -> None:
    program = small("generic-8bit")
    mutants = dict(table_mutants(program))
    missed = unseen(program, mutants.items())
    assert [name for name in missed if matters(program, mutants[name])] == []
    assert len(missed) < len(mutants) / 10


def test_flipped_table_entries_are_seen_with_wide_words(program: Program) -> None:
    some = list(table_mutants(program))[7::29]
    assert len(some) > 20
    assert unseen(program, some) == []


def test_verify_fails_on_a_mutant(program: Program) -> None:
    for mutants in (weight_mutants, threshold_mutants, table_mutants):
        name, mutant = next(islice(mutants(program), 3, None))
        assert not check(program, Emulator(mutant)).passed, name


def matters(program: Program, mutant: Program) -> bool:
    """Whether any membrane code and any spike pattern at a layer's inputs tell the two apart, by exhaustion.

    Near the right end of the tables a neuron reaches its threshold whatever the last bit of an entry is.
    """
    for one, other in zip(program.layers, mutant.layers, strict=True):
        if not isinstance(one, SpikingLayer) or not isinstance(other, SpikingLayer) or one is other:
            continue
        domain = one.neuron.domain
        codes = np.arange(domain.start, domain.stop, dtype=np.int64)
        drives = np.unique(every_drive(one))
        if (candidates(one.neuron, codes, drives) != candidates(other.neuron, codes, drives)).any():
            return True
    return False


def every_drive(layer: SpikingLayer) -> Integers:
    """The drives that each of the `2**fan_in` spike patterns gives, over all neurons."""
    fan_in = layer.dense.weight.shape[0]
    patterns = np.array(list(product((0, 1), repeat=fan_in)), np.int64)
    rescale = layer.rescale
    scaled = patterns @ layer.dense.weight * rescale.multiplier + rescale.bias
    return requantize(scaled, rescale.shift, rescale.site)


def candidates(n: NeuronUpdate, codes: Integers, drives: Integers) -> Integers:
    """Spec 5.5 for every pair of a code and a drive, with the first neuron's constants."""
    growth = lookup(n.growth.values, n.domain, n.growth, codes)[:, np.newaxis]
    gain = lookup(n.gain[0].values, n.domain, n.gain[0], codes)[:, np.newaxis]
    align = n.membrane.format.frac - n.growth.format.frac
    total = overflow((growth << align) - codes[:, np.newaxis] + drives, n.sum.format, n.sum.overflow)
    move = round_shift(gain * total, n.gain[0].format.frac, n.membrane.rounding)
    moved: Integers = np.minimum(codes[:, np.newaxis] + move, n.threshold[0])
    return moved


def test_one_flipped_bit_in_a_deployment_file_is_seen(program: Program) -> None:
    deployment = deploy(program, PROFILE)
    part = deployment.cores[0].slices[0]
    row = part.weight_rows[2]
    changed = row[:-1] + f"{int(row[-1], 16) ^ 1:x}"
    rows = (*part.weight_rows[:2], changed, *part.weight_rows[3:])
    core = replace(
        deployment.cores[0], slices=(replace(part, weight_rows=rows), *deployment.cores[0].slices[1:])
    )
    tampered = replace(deployment, cores=(core, *deployment.cores[1:]))
    assert check(program, Emulator(program_of(deployment))).passed
    assert not check(program, Emulator(program_of(tampered))).passed


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
    whole = verify(program, wrong, batches, probe=False)
    parts = [
        verify(program, wrong, [spikes], probe=False, first_sample=first)
        for first, spikes in zip((0, 3), batches, strict=True)
    ]
    assert merge(parts).executors == whole.executors
    assert "at step 3 of sample 5 (data set)" in str(whole.executors["it"].first)
