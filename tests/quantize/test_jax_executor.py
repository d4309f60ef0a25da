"""Programs of version 1 in JAX against their emulator: every signal, every state, and what is refused."""

from __future__ import annotations

import tracemalloc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quantize.jax.pieces
from expifref.connections import blocks
from expifref.exceptions import DataError, RangeError
from quantize.jax import JaxExecutor
from quantize.jax.plan import plan_graph
from quantize.jax.products import Form, Product, limbs, matmul, plan_product
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format
from quantize.numbers.intervals import Interval
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.trace import Execution, Spikes
from tests.amount import some
from tests.edits import with_dense, with_weights
from tests.networks import lowered, network, spike_input
from tests.programs import random_input, random_program, random_state

pytestmark = pytest.mark.usefixtures("strict_promotion")

SEEDS = some(range(40), 6)
PROFILES = ["generic-16bit", "generic-8bit", "spinnaker1", "ecp5-25f"]


def equal(found: Execution, wanted: Execution) -> None:
    for ours, theirs in ((found.signals, wanted.signals), (found.state, wanted.state)):
        assert list(ours) == list(theirs)
        for name, values in ours.items():
            assert values.dtype == np.int64
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def drawn(program: Program, seed: int) -> Spikes:
    """Steps that differ, or the same frame at every step."""
    spikes = random_input(program, 7, 3, seed)
    return np.broadcast_to(spikes[:1], spikes.shape) if seed % 4 == 0 else spikes


@pytest.mark.parametrize("seed", SEEDS)
def test_every_signal_of_random_programs(seed: int) -> None:
    program = random_program(seed)
    spikes = drawn(program, seed)
    state = random_state(program, 3, seed) if seed % 2 else None
    equal(JaxExecutor(program.graph).run(spikes, state), Emulator(program).run(spikes, state))


@pytest.mark.parametrize("profile", PROFILES)
def test_lowered_networks(profile: str) -> None:
    description = network((12, 10, 8, 3), encoder="current")
    program = lowered(description, profile)
    spikes = spike_input(description)
    equal(JaxExecutor(program.graph).run(spikes), Emulator(program).run(spikes))


def test_these_programs_need_every_word() -> None:
    programs = [random_program(seed) for seed in SEEDS]
    programs += [lowered(network((12, 10, 8, 3), encoder="current"), profile) for profile in PROFILES]
    plans = [
        plan for program in programs for group in plan_graph(program.graph).groups for plan in group.layers
    ]
    for name in ("product", "decayed", "gained"):
        words = {plan.words[name].formed for plan in plans if name in plan.words}
        assert words == {np.int32, np.int64}
    assert {plan.state_word(state) for plan in plans for state in plan.layer.states} == {np.int32, np.int64}
    tables = [table for plan in plans for table in plan.tables.values()]
    assert {table.packed for table in tables} == {True, False}
    assert any(len(table.start) > 1 for table in tables)


@pytest.mark.parametrize("readout", [True, False])
def test_totals_are_the_sums_of_the_traces(readout: bool) -> None:
    program = random_program(3, layers=2, readout=readout)
    spikes, state = random_input(program, 9, 4, 0), random_state(program, 4, 0)
    wanted = Emulator(program).run(spikes, state)
    totals = JaxExecutor(program.graph).totals(spikes, state)
    np.testing.assert_array_equal(totals.output, wanted.signals[program.output_name].sum(axis=0))
    np.testing.assert_array_equal(totals.predictions, totals.output.argmax(axis=-1))
    names = {name for name in program.signal_names if name.endswith(".spikes")}
    assert set(totals.spikes) == names
    for name in names:
        np.testing.assert_array_equal(totals.spikes[name], wanted.signals[name].sum(axis=0))
    for name, values in wanted.state.items():
        np.testing.assert_array_equal(totals.state[name], values)


def test_pieces_of_any_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(11, layers=2, readout=True)
    spikes, state = random_input(program, 10, 7, 1), random_state(program, 7, 1)
    wanted = Emulator(program).run(spikes, state)
    monkeypatch.setattr(quantize.jax.pieces, "_MEMORY", 3000)
    monkeypatch.setattr(quantize.jax.pieces, "_LEAST_BATCH", 2)
    executor = JaxExecutor(program.graph)
    equal(executor.run(spikes, state), wanted)
    totals = executor.totals(spikes, state)
    np.testing.assert_array_equal(totals.output, wanted.signals[program.output_name].sum(axis=0))


def test_state_is_carried_over_and_not_changed_in_place() -> None:
    program = random_program(5, layers=2)
    spikes, state = random_input(program, 8, 3, 2), random_state(program, 3, 2)
    given = {name: values.copy() for name, values in state.items()}
    whole = Emulator(program).run(spikes, state)
    executor = JaxExecutor(program.graph)
    first = executor.run(spikes[:4], state)
    second = executor.run(spikes[4:], first.state)
    for name, values in whole.signals.items():
        np.testing.assert_array_equal(np.concatenate([first.signals[name], second.signals[name]]), values)
    np.testing.assert_equal(second.state, whole.state)
    np.testing.assert_equal(state, given)


def test_only_the_signals_that_are_asked_for() -> None:
    program = random_program(8, layers=2, readout=True)
    spikes = random_input(program, 5, 2, 3)
    wanted = Emulator(program).run(spikes, signals=["readout", "layer0.spikes"])
    equal(JaxExecutor(program.graph).run(spikes, signals=["readout", "layer0.spikes"]), wanted)


@pytest.mark.parametrize(
    ("bits", "inputs", "lo", "hi", "form", "count"),
    [
        (8, 784, 0, 1, Form.INT8, 1),
        (8, 784, 0, 127, Form.INT8, 1),
        (8, 784, 0, 128, Form.INT8, 1),
        (8, 784, 0, 255, Form.INT8, 1),
        (8, 784, -128, 127, Form.INT8, 1),
        (8, 784, -200, 55, Form.INT8, 1),
        (8, 784, 1000, 1255, Form.INT8, 1),
        (8, 784, -128, 128, Form.FLOAT32, 1),
        (2, 70000, 0, 255, Form.INT8, 1),
        (8, 1 << 17, 0, 255, Form.WORD, 1),  # one input less would fit int32
        (9, 784, 0, 1, Form.FLOAT32, 1),
        (16, 784, 0, 1, Form.FLOAT32, 2),
        (16, 784, 0, 255, Form.FLOAT32, 3),
        (16, 784, -255, 255, Form.FLOAT32, 3),
        (9, 70000, 0, 255, Form.WORD, 1),
    ],
)
def test_products_are_exact(bits: int, inputs: int, lo: int, hi: int, form: Form, count: int) -> None:
    rng = np.random.default_rng(bits)
    fmt = Format(True, bits, 0)
    weight = rng.integers(fmt.lo, fmt.hi, (inputs, 3), endpoint=True)
    weight[:, 0], weight[:, 1] = fmt.lo, -1  # the largest sums of a single part and of the low parts
    plan = plan_product(weight, Interval(lo, hi))
    assert (plan.form, plan.count) == (form, count)
    values = rng.integers(lo, hi, (4, inputs), endpoint=True)
    values[0], values[1] = hi, lo
    np.testing.assert_array_equal(product(values, weight, plan), values @ weight)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
@pytest.mark.parametrize("hi", [1, 255])
def test_the_word_that_weights_are_stored_in_changes_nothing(
    dtype: type[np.signedinteger], hi: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 8 * 30)
    rng = np.random.default_rng(0)
    word = np.iinfo(dtype)
    wide = rng.integers(word.min, word.max, (40, 3), endpoint=True)
    wide[:, 0], wide[:, 1] = word.min, word.max
    weight = wide.astype(dtype)
    weight.flags.writeable = False
    plan = plan_product(weight, Interval(0, hi))
    assert plan == plan_product(wide, Interval(0, hi))
    np.testing.assert_array_equal(limbs(weight, plan, np.int64), limbs(wide, plan, np.int64))
    values = rng.integers(0, hi, (4, 40), endpoint=True)
    np.testing.assert_array_equal(product(values, weight, plan), values @ wide)


def test_weights_of_eight_bits_are_not_copied() -> None:
    weight = np.zeros((5, 3), np.int8)
    plan = plan_product(weight, Interval(0, 1))
    assert np.shares_memory(limbs(weight, plan, np.int32), weight)


@pytest.mark.parametrize(("dtype", "made"), [(np.int8, 0), (np.int16, 8)])
def test_no_wide_copy_of_a_matrix_is_made(
    dtype: type[np.signedinteger], made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 8 << 12)
    weight = np.full((1000, 500), np.iinfo(dtype).min, dtype)
    tracemalloc.start()
    limbs(weight, plan_product(weight, Interval(0, 1)), np.int64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (made + 0.5) * weight.size  # bytes: the two float32 parts of 16 bits, and blocks


def product(values: Integers, weight: Any, plan: Product) -> Integers:
    with jax.enable_x64(True):
        parts = jnp.asarray(limbs(weight, plan, np.int64))
        return np.asarray(matmul(jnp.asarray(values), parts, plan, jnp.int64))


def test_an_unproven_float_product_is_wrong() -> None:
    weight = np.full((784, 1), 32767)
    weight[0] = 32766
    values = np.full((1, 784), 255)
    found = product(values, weight, Product(Form.FLOAT32, 17))
    assert int(found[0, 0]) != int((values @ weight)[0, 0])


def test_an_unproven_int8_product_is_wrong() -> None:
    weight = np.full((1 << 17, 1), -128)
    values = np.full((1, 1 << 17), 255)
    found = product(values, weight, Product(Form.INT8, offset=128))
    assert int(found[0, 0]) != int((values @ weight)[0, 0])


def test_refuses_what_the_emulator_refuses() -> None:
    program = random_program(2, layers=2, input_bits=1)
    executor, emulator = JaxExecutor(program.graph), GraphEmulator(program.graph)
    good = random_input(program, 3, 2, 0)
    cases: list[tuple[Spikes, dict[str, Integers] | None, list[str] | None]] = [
        (good.astype(np.float64), None, None),
        (good[0], None, None),
        (good[:, :, :0], None, None),
        (good[:0], None, None),
        (good + np.uint8(2), None, None),
        (good, {"layer9.membrane": np.zeros((2, 1), np.int64)}, None),
        (good, {program.state_names[0]: np.zeros((5, 1), np.int64)}, None),
        (good, None, ["nothing"]),
    ]
    for spikes, state, signals in cases:
        messages = []
        for run in (executor.run, emulator.run):
            with pytest.raises(DataError) as caught:
                run(spikes, state, signals)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_refuses_a_program_without_proof() -> None:
    program = random_program(4, layers=1, readout=False)
    narrow = {"accumulator": Format(True, 2, 0), "weight_format": Format(True, 8, 0)}
    whole = with_dense(program, "layer0", **narrow)
    broken = with_weights(
        whole, "layer0", np.full((program.graph.input.channels, whole.graph.layers[0].units), 3)
    )
    with pytest.raises(RangeError, match=r"`layer0\.accumulator` must hold"):
        JaxExecutor(broken.graph)
