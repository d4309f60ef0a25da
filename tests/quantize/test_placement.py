"""Which core holds which neurons: everything once, within every limit, in layer order."""

import math
from pathlib import Path

import pytest

from expifref.exceptions import CapacityError
from hw_profiles import Profile, load_profile
from quantize.packing import Packing
from quantize.placement import layer_bytes, place, word_bits
from quantize.program import Program
from tests.networks import lowered, network, own_profile

WIDE = lowered(network((20, 30, 25, 7)))


def check(program: Program, profile: Profile) -> list[tuple[int, int, int, int]]:
    """Slices as (core, layer, start, stop), after checking cover, order and limits."""
    placement = place(program, profile)
    limits = profile.capacity
    for index, layer in enumerate(program.layers):
        slices = [part for part in placement.slices if part.layer == index]
        assert [part.start for part in slices] == [0, *(part.stop for part in slices[:-1])]
        assert slices[-1].stop == layer.width
    cores = {part.core for part in placement.slices}
    assert cores == set(range(placement.cores))
    assert placement.cores <= (limits.cores.value or math.inf)
    for core in cores:
        mine = [part for part in placement.slices if part.core == core]
        assert sum(part.stop - part.start for part in mine) <= (limits.neurons_per_core.value or math.inf)
        assert sum(part.bytes for part in mine) <= (limits.memory_bytes_per_core.value or math.inf)
    assert placement.bytes == sum(part.bytes for part in placement.slices)
    return [(part.core, part.layer, part.start, part.stop) for part in placement.slices]


def test_one_core_without_limits_holds_all() -> None:
    assert check(WIDE, load_profile("generic-16bit")) == [(0, 0, 0, 30), (0, 1, 0, 25), (0, 2, 0, 7)]


def test_neurons_fill_core_after_core(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=7, neurons_per_core=12)
    assert check(WIDE, profile) == [
        (0, 0, 0, 12),
        (1, 0, 12, 24),
        (2, 0, 24, 30),
        (2, 1, 0, 6),
        (3, 1, 6, 18),
        (4, 1, 18, 25),
        (4, 2, 0, 5),
        (5, 2, 5, 7),
    ]


@pytest.mark.parametrize("memory", [2000, 2500, 4000, 10_000])
def test_memory_fills_core_after_core(memory: int, tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=50, memory_bytes_per_core=memory)
    slices = check(WIDE, profile)
    assert (len({core for core, *_ in slices}) > 1) == (memory < 10_000)


def test_a_device_that_is_full_is_refused(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=5, neurons_per_core=12, memory_bytes_per_core=3000)
    needed = sum(layer_bytes(layer, word_bits(profile)) for layer in WIDE.layers)
    with pytest.raises(CapacityError) as caught:
        place(WIDE, profile)
    assert str(caught.value) == (
        "`own-device` has room for 60 neurons and 15000 bytes on 5 cores, but the network has 62 neurons and "
        f"needs {needed} bytes; it ran out at `readout`: use fewer weight bits, fewer neurons or a larger "
        "device"
    )


def test_a_core_too_small_for_one_neuron_is_refused(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=5, memory_bytes_per_core=200)
    with pytest.raises(CapacityError) as caught:
        place(WIDE, profile)
    message = str(caught.value)
    assert message.startswith(
        "`own-device` has 200 bytes per core, but one neuron of `hidden0` with its tables needs "
    )
    assert message.endswith(": use fewer inputs or weight bits")


def test_fan_in_and_fan_out_are_limits(tmp_path: Path) -> None:
    with pytest.raises(CapacityError) as caught:
        place(WIDE, own_profile(tmp_path, fan_in=29))
    assert str(caught.value) == "`own-device` allows a fan-in of 29, but `hidden1` has 30"
    with pytest.raises(CapacityError) as caught:
        place(WIDE, own_profile(tmp_path, fan_out=24))
    assert str(caught.value) == "`own-device` allows a fan-out of 24, but what feeds `hidden0` has 30"
    check(WIDE, own_profile(tmp_path, fan_in=30, fan_out=30))


def test_the_weights_cost_what_their_rows_take() -> None:
    """Nothing but the weights grows with the fan-in."""
    narrow, wide = (lowered(network((inputs, 9), readout=False)) for inputs in (10, 20))
    word = 16
    row = Packing(8, word).row_words(9) * word // 8
    found = layer_bytes(wide.layers[0], word) - layer_bytes(narrow.layers[0], word)
    assert found == pytest.approx(10 * row, abs=20)  # accumulator and multiplier may change by some bits
