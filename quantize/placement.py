"""Which core holds which neurons, and whether the device has room (used by lowering and by deployment)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from expifref.exceptions import CapacityError
from hw_profiles import Profile

from .packing import Packing
from .program import Layer, Program, ReadoutLayer

__all__ = ["Placement", "Slice", "layer_bytes", "place", "word_bits"]

_UNLIMITED = 1 << 62


@dataclass(frozen=True)
class Slice:
    """Neurons `start .. stop - 1` of one layer, on one core."""

    core: int
    layer: int
    start: int
    stop: int
    bytes: int


@dataclass(frozen=True)
class Placement:
    """All slices, in layer order, and the memory they take."""

    slices: tuple[Slice, ...]

    @property
    def cores(self) -> int:
        """Number of cores in use."""
        return len({part.core for part in self.slices})

    @property
    def bytes(self) -> int:
        """Memory over all cores."""
        return sum(part.bytes for part in self.slices)


@dataclass(frozen=True)
class _Cost:
    """Memory of a layer: tables on every core that holds some of it, weight rows, a part per neuron."""

    table_bits: int
    neuron_bits: int  # constants and state
    rows: int
    packing: Packing

    def bytes(self, neurons: int) -> int:
        weights = self.rows * self.packing.row_words(neurons) * self.packing.word_bits
        return -(-(self.table_bits + weights + self.neuron_bits * neurons) // 8)

    def neurons_within(self, memory: int, most: int) -> int:
        """The most neurons, up to `most`, that `memory` bytes hold."""
        return bisect_right(range(1, most + 1), memory, key=self.bytes)


def place(program: Program, profile: Profile) -> Placement:
    """Fill cores in layer order, as many neurons of a layer on each as neurons and memory allow.

    Raises:
        CapacityError: a fan-in, the neurons or the memory exceed the device; with the layer and the numbers.
    """
    capacity = profile.capacity
    cores = _limit(capacity.cores.value)
    per_core = _limit(capacity.neurons_per_core.value)
    memory = _limit(capacity.memory_bytes_per_core.value)
    slices: list[Slice] = []
    core, neurons_left, bytes_left = 0, per_core, memory
    for index, layer in enumerate(program.layers):
        _check_fans(program, index, profile)
        cost = _cost(layer, word_bits(profile))
        start = 0
        while start < layer.width:
            room = cost.neurons_within(bytes_left, min(neurons_left, layer.width - start))
            if room > 0:
                part = Slice(core, index, start, start + room, cost.bytes(room))
                slices.append(part)
                start, neurons_left, bytes_left = part.stop, neurons_left - room, bytes_left - part.bytes
                continue
            if bytes_left == memory and neurons_left == per_core:
                raise CapacityError(
                    f"`{profile.name}` has {memory} bytes per core, but one neuron of `{layer.name}` "
                    f"with its tables needs {cost.bytes(1)}: use fewer inputs or weight bits"
                )
            core, neurons_left, bytes_left = core + 1, per_core, memory
            if core >= cores:
                raise CapacityError(_too_small(program, profile, layer, cores))
    return Placement(tuple(slices))


def word_bits(profile: Profile) -> int:
    """Width of a memory word, bytes where the profile does not say."""
    return _limit(profile.capacity.memory_word_bits.value, 8)


def layer_bytes(layer: Layer, word: int) -> int:
    """Memory of a whole layer on one core: weights, constants, state and tables."""
    return _cost(layer, word).bytes(layer.width)


def _cost(layer: Layer, word: int) -> _Cost:
    packing = Packing(layer.dense.weight_format.bits, word)
    rows = layer.dense.weight.shape[0]
    accumulator = layer.dense.accumulator.bits
    multiplier = int(layer.rescale.multiplier.max()).bit_length()
    bias = 1 + max(abs(int(layer.rescale.bias.min())), abs(int(layer.rescale.bias.max()))).bit_length()
    neuron = accumulator + multiplier + bias
    if isinstance(layer, ReadoutLayer):
        return _Cost(0, neuron + layer.filter.site.format.bits + layer.filter.shift + 1, rows, packing)
    if layer.synapse is not None:
        fmt = layer.synapse.filter.site.format
        # A decay is at most 2**shift, which takes one bit more than the shift.
        neuron += 2 * fmt.bits + layer.synapse.filter.shift + 1
    n = layer.neuron
    counter = int(n.refractory_steps.max()).bit_length()
    # Threshold, reset, start and state; the period and its counter; which gain table.
    neuron += 4 * n.membrane.format.bits + 2 * counter + (len(n.gain) - 1).bit_length()
    tables = sum(len(t.values) * t.format.bits for t in (n.growth, *n.gain))
    return _Cost(tables, neuron, rows, packing)


def _check_fans(program: Program, index: int, profile: Profile) -> None:
    layer = program.layers[index]
    fan_in, most = layer.dense.weight.shape[0], profile.capacity.fan_in.value
    if most is not None and fan_in > most:
        raise CapacityError(f"`{profile.name}` allows a fan-in of {most}, but `{layer.name}` has {fan_in}")
    fan_out, most = layer.width, profile.capacity.fan_out.value
    if most is not None and fan_out > most:
        raise CapacityError(
            f"`{profile.name}` allows a fan-out of {most}, but what feeds `{layer.name}` has {fan_out}"
        )


def _too_small(program: Program, profile: Profile, layer: Layer, cores: int) -> str:
    word = word_bits(profile)
    needed = sum(layer_bytes(item, word) for item in program.layers)
    neurons = sum(item.width for item in program.layers)
    memory = profile.capacity.memory_bytes_per_core.value
    per_core = profile.capacity.neurons_per_core.value
    room = "any number of neurons" if per_core is None else f"{cores * per_core} neurons"
    store = "unknown memory" if memory is None else f"{cores * memory} bytes"
    return (
        f"`{profile.name}` has room for {room} and {store} on {cores} core{'s' if cores > 1 else ''}, "
        f"but the network has {neurons} neurons and needs {needed} bytes; it ran out at `{layer.name}`: "
        "use fewer weight bits, fewer neurons or a larger device"
    )


def _limit(value: int | None, otherwise: int = _UNLIMITED) -> int:
    return otherwise if value is None else value
