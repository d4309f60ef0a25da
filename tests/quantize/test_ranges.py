"""The proof of widths: what it promises holds on random programs, and what it cannot prove is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import RangeError
from quantize.arrays import frozen
from quantize.emulator import Emulator
from quantize.formats import Format, Overflow, Quantizer, Rounding, round_shift
from quantize.program import Program, ReadoutLayer, SpikingLayer
from quantize.ranges import Interval, prove
from tests.programs import random_input, random_program, random_state

SEEDS = range(60)


def intervals(program: Program) -> dict[str, Interval]:
    return {site.site: site.interval for site in prove(program).sites}


def test_a_site_that_cannot_overflow_never_does() -> None:
    cleared = counted = 0
    for seed in SEEDS:
        program = random_program(seed)
        sites = prove(program).sites
        emulator = Emulator(program)
        emulator.run(random_input(program, 12, 4, seed))
        safe = {site.site for site in sites if not site.can_overflow}
        assert not safe & set(emulator.saturations), seed
        cleared += sum(name.endswith((".rescale", ".filter", ".drive", ".sum", ".membrane")) for name in safe)
        counted += len(emulator.saturations)
    # Both kinds occur often, or this proves nothing.
    assert cleared > 50
    assert counted > 50


def spiking(seed: int, *, synapse: bool) -> Program:
    """A program of one spiking layer."""
    for trial in range(seed, seed + 100):
        program = random_program(trial, layers=1, readout=False, widths=[3, 4])
        layer = program.layers[0]
        if isinstance(layer, SpikingLayer) and (layer.synapse is not None) == synapse:
            return program
    raise LookupError


def only(program: Program) -> SpikingLayer:
    (layer,) = program.layers
    assert isinstance(layer, SpikingLayer)
    return layer


def refusal(program: Program, max_bits: int = 62) -> str:
    with pytest.raises(RangeError) as caught:
        prove(program, max_bits)
    return str(caught.value)


def test_an_accumulator_that_is_too_narrow_is_refused() -> None:
    program = random_program(0, layers=1, readout=False, widths=[2, 1], input_bits=1)
    layer = only(program)
    dense = replace(
        layer.dense,
        weight=frozen([[100], [28]]),
        weight_format=Format(True, 8, 0),
        accumulator=Format(True, 8, 0),
    )
    assert refusal(replace(program, layers=(replace(layer, dense=dense),))) == (
        "`layer0.accumulator` must hold 0..128 (9 bits), but its format has 8 bits"
    )
    fits = replace(dense, weight=frozen([[100], [27]]))
    prove(replace(program, layers=(replace(layer, dense=fits),)))


@pytest.mark.parametrize("constant", ["threshold", "reset", "initial"])
def test_a_constant_outside_the_membrane_is_refused(constant: str) -> None:
    program = spiking(0, synapse=False)
    layer = only(program)
    fmt = layer.neuron.membrane.format
    values: Any = frozen([fmt.hi + 1, fmt.lo, fmt.lo, fmt.lo])
    changed = replace(layer, neuron=replace(layer.neuron, **{constant: values}))
    assert refusal(replace(program, layers=(changed,))) == (
        f"`layer0.{constant}` must lie in {fmt.lo}..{fmt.hi}, the range of {fmt}, "
        f"not in {fmt.lo}..{fmt.hi + 1}"
    )


def test_a_reset_at_the_threshold_is_refused() -> None:
    program = spiking(0, synapse=False)
    layer = only(program)
    changed = replace(layer, neuron=replace(layer.neuron, reset=layer.neuron.threshold))
    assert refusal(replace(program, layers=(changed,))) == (
        "`layer0.reset` must lie below `threshold`, and `initial` must not exceed it"
    )


def test_a_membrane_too_wide_to_be_checked_code_by_code_is_refused() -> None:
    program = spiking(0, synapse=False)
    layer = only(program)
    site = replace(layer.neuron.membrane, format=Format(True, 23, layer.neuron.membrane.format.frac))
    changed = replace(layer, neuron=replace(layer.neuron, membrane=site))
    assert refusal(replace(program, layers=(changed,))) == (
        "`layer0.membrane` must have at most 22 bits, so that its update can be checked code by code, not 23"
    )


def test_a_program_wider_than_its_profile_allows_is_refused() -> None:
    program = random_program(3)
    bits = prove(program).intermediate_bits
    prove(program, bits)
    message = refusal(program, bits - 1)
    assert f"must fit {bits - 1} bits, but" in message
    assert message.endswith(f"needs {bits}: use fewer weight, multiplier, table or filter bits")


def test_62_bits_are_the_limit_whatever_the_profile_allows() -> None:
    program = random_program(0, layers=1, readout=True, widths=[1, 1], input_bits=1)
    (layer,) = program.layers
    dense = replace(
        layer.dense,
        weight=frozen([[1 << 27]]),
        weight_format=Format(True, 30, 0),
        accumulator=Format(True, 30, 0),
    )
    rescale = replace(layer.rescale, multiplier=frozen([1 << 34]), bias=frozen([0]), shift=50)
    wide = replace(program, layers=(replace(layer, dense=dense, rescale=rescale),))
    assert refusal(wide, 64) == (
        f"`readout.product` must fit 62 bits, but 0..{(1 << 61) + (1 << 50) - 1} needs 63: "
        "use fewer weight, multiplier, table or filter bits"
    )


def wrapping_filter(decay: int, bias: int) -> Program:
    """A readout of 8 bits that may wrap, with a constant input `bias`."""
    program = random_program(0, layers=1, readout=True, widths=[1, 1], input_bits=1)
    (layer,) = program.layers
    assert isinstance(layer, ReadoutLayer)
    fmt = Format(True, 8, 0)
    site = Quantizer(fmt, Rounding.RND, Overflow.WRAP)
    rescale = replace(
        layer.rescale,
        multiplier=frozen([0]),
        bias=frozen([bias]),
        shift=0,
        site=Quantizer(fmt, Rounding.RND, Overflow.SAT),
    )
    part = replace(layer.filter, decay=frozen([decay]), shift=4, site=site)
    return replace(program, layers=(replace(layer, rescale=rescale, filter=part),))


def test_a_filter_may_wrap_only_where_it_never_will() -> None:
    # At 127 a quarter, 32, leaks away in a step: an input of 32 keeps it there, 33 would not.
    settled = wrapping_filter(decay=4, bias=32)
    assert not any(site.can_overflow for site in prove(settled).sites)
    assert refusal(wrapping_filter(decay=4, bias=33)) == (
        "`readout` must stay inside s8.0 to be allowed to wrap, but its inputs can push it out: "
        "use SAT or more filter bits"
    )
    silent = np.zeros((50, 1, 1), np.uint8)
    reached = Emulator(settled).run(silent).state["readout"]
    assert reached.tolist() == [[126]]


def test_a_filter_settles_at_its_lower_end_too() -> None:
    prove(wrapping_filter(decay=4, bias=-32))
    refusal(wrapping_filter(decay=4, bias=-33))


def test_a_membrane_may_wrap_only_where_it_never_will() -> None:
    refused = proven = 0
    for seed in range(200):
        program = random_program(seed, layers=1, readout=False)
        layer = only(program)
        membrane = replace(layer.neuron.membrane, overflow=Overflow.WRAP)
        wraps = replace(program, layers=(replace(layer, neuron=replace(layer.neuron, membrane=membrane)),))
        try:
            prove(wraps)
        except RangeError as error:
            refused += "`layer0.membrane` must stay inside" in str(error)
            continue
        proven += 1
        emulator = Emulator(wraps)
        emulator.run(random_input(wraps, 6, 3, seed), random_state(wraps, 3, seed))
        assert not emulator.saturations["layer0.membrane"]
    assert refused > 20
    assert proven > 20


def test_the_sentence_for_a_membrane_that_could_wrap() -> None:
    program = next(
        p
        for p in (random_program(s, layers=1, readout=False) for s in range(100))
        if {s.site: s.can_overflow for s in prove(p).sites}["layer0.membrane"]
    )
    layer = only(program)
    lowest = intervals(program)["layer0.membrane"].lo
    membrane = replace(layer.neuron.membrane, overflow=Overflow.WRAP)
    wraps = replace(program, layers=(replace(layer, neuron=replace(layer.neuron, membrane=membrane)),))
    assert refusal(wraps) == (
        f"`layer0.membrane` must stay inside {membrane.format} to be allowed to wrap, "
        f"but inhibition can push it to {lowest}: use SAT or more membrane bits"
    )


@pytest.mark.parametrize(
    ("lo", "hi", "bits"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-8, 7, 4), (-8, 8, 5), (-9, 0, 5), (-8, -8, 4)]
)
def test_an_interval_knows_its_width(lo: int, hi: int, bits: int) -> None:
    assert Interval(lo, hi).bits == bits


@pytest.mark.parametrize("mode", Rounding)
def test_a_leaking_filter_never_falls_when_its_state_rises(mode: Rounding) -> None:
    """What the bound of a filter rests on, for every state of 8 bits and every decay of 5 bits."""
    y = np.arange(-128, 128, dtype=np.int64)
    for decay in range(33):
        kept = y - round_shift(y * decay, 5, mode)
        assert (np.diff(kept) >= 0).all()
        assert ((kept >= y.min()) & (kept <= y.max())).all()


def test_no_more_gain_tables_than_can_be_tried_code_by_code() -> None:
    program = random_program(3, layers=1, readout=False, widths=[2, 3])
    neuron, bits = only(program).neuron, only(program).neuron.membrane.format.bits
    most = (1 << 24) >> bits

    def with_tables(count: int) -> Program:
        index = frozen([0, 1, count - 1])
        changed = replace(neuron, gain=neuron.gain[:1] * count, gain_index=index)
        return replace(program, layers=(replace(only(program), neuron=changed),))

    prove(with_tables(most))
    assert refusal(with_tables(most + 1)) == (
        f"`layer0.gain` must hold at most {most} tables for a membrane of {bits} bits, so that its update "
        f"can be checked code by code, not {most + 1}"
    )
