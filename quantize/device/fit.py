"""Does a program fit a device, what limits it, and what would a step cost there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from expifref.exceptions import CapacityError
from hw_profiles import Arithmetic, Fact, Profile, refusal
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.operations import Lookup, Overflowed, RoundShift
from quantize.graph.proof import proof_of
from quantize.numbers.formats import Format

from .placement import place
from .profile_fields import MULTIPLIER, OVERFLOWED, ROUNDED, WORDS

__all__ = ["NEURON_UPDATE", "SYNAPTIC_ENERGY", "SYNAPTIC_EVENT", "Fit", "fit"]

NEURON_UPDATE, SYNAPTIC_EVENT = "one neuron update", "one synaptic event"
SYNAPTIC_ENERGY = "energy of a synaptic operation"
"""Names of the profile facts that estimates are made from."""


@dataclass(frozen=True)
class Fit:
    """One profile's answer."""

    profile: str
    limits: tuple[
        str, ...
    ]  # sentences, one per reason why the program does not run there; empty when it does
    cores: int | None
    bytes: int | None
    step_cost: int | None  # estimated operations of one step, in `cost_unit`, at the assumed activity
    cost_unit: str | None
    energy_nj: float | None  # estimated energy of a step's synaptic events
    energy_source: str | None

    @property
    def fits(self) -> bool:
        """Whether nothing stands against it."""
        return not self.limits


def fit(graph: Graph, profile: Profile, activity: float) -> Fit:
    """Whether the program of `graph` can run as it is on the device of `profile`.

    Args:
        activity: share of inputs and neurons that spike in a step, for the estimates.

    Estimates are given only where the profile has a cited figure for each operation they count.
    """
    refused = refusal(profile)
    if refused is not None or profile.arithmetic is None:
        return Fit(profile.name, (refused or "it has no arithmetic",), None, None, None, None, None, None)
    limits = list(_arithmetic_limits(graph, profile.arithmetic))
    cores = size = None
    try:
        placement = place(graph, profile)
        cores, size = placement.cores, placement.bytes
    except CapacityError as error:
        limits.append(str(error))
    cost, unit = _step_cost(graph, profile, activity)
    energy = _fact(profile, SYNAPTIC_ENERGY)
    nanojoule = source = None
    if energy is not None and energy.value is not None and energy.unit == "J":
        nanojoule = _events(graph, activity) * energy.value * 1e9
        source = profile.citation(energy.source) if energy.source else None
    return Fit(profile.name, tuple(limits), cores, size, cost, unit, nanojoule, source)


def _arithmetic_limits(graph: Graph, a: Arithmetic) -> Iterator[str]:
    for name, needed, available in dict.fromkeys(_words(graph, a)):
        if needed > available:
            yield f"the {name} has {needed} bits and the device's word {available}: quantize for this profile"
    for layer in graph.layers:
        for name, found, wanted in dict.fromkeys(_modes(layer, a)):
            if found != wanted:
                yield (
                    f"the {layer.name} {name} uses {found} and the device {wanted}: quantize for this profile"
                )
        multipliers = layer.constants[MULTIPLIER].tolist() if MULTIPLIER in layer.constants else []
        if a.rescale.kind == "shift" and any(m & (m - 1) for m in multipliers):
            yield f"the {layer.name} rescale multiplies and the device only shifts: quantize for this profile"


def _words(graph: Graph, a: Arithmetic) -> Iterator[tuple[str, int, int]]:
    """Each width of the program: its name, its bits and the device's."""
    yield "input", graph.input.format.bits, a.input_bits
    yield "widest product", proof_of(graph).intermediate_bits, a.product_bits
    for layer in graph.layers:
        for feed in layer.feeds:
            yield f"{layer.name} weight", feed.connection.weight_format.bits, a.weight_bits
        for word in WORDS:
            for fmt in _formats(layer, word):
                yield f"{layer.name} {word}", fmt.bits, getattr(a, f"{word}_bits")
        if layer.tables:
            entries = max(table.format.bits for table in layer.tables.values())
            yield f"{layer.name} table", entries, a.table_bits


def _formats(layer: UnitLayer, name: str) -> Iterator[Format]:
    """That of the state, signal or result `name`, where there is one with a format."""
    operation = layer.results.get(layer.signals.get(name, name))
    if name in layer.states:
        yield layer.states[name].format
    elif isinstance(operation, Overflowed):
        yield operation.format


def _modes(layer: UnitLayer, a: Arithmetic) -> Iterator[tuple[str, str, str]]:
    """Each rounding and overflow of a layer that the profile speaks of: its name, mode and the device's."""
    for operation in layer.body:
        name = operation.name
        if isinstance(operation, RoundShift) and name in ROUNDED:
            yield f"{ROUNDED[name]} rounding", operation.rounding, getattr(a.rounding, ROUNDED[name])
        if isinstance(operation, Overflowed) and name in OVERFLOWED:
            yield f"{OVERFLOWED[name]} overflow", operation.overflow, getattr(a.overflow, OVERFLOWED[name])
        if isinstance(operation, Lookup):
            for table in operation.tables:
                yield "table rounding", layer.tables[table].rounding, a.rounding.table


def _events(graph: Graph, activity: float) -> float:
    """Synaptic events of a step: every active value reaches every unit that it feeds."""
    return sum(activity * int(one.fan_out.sum()) for layer in graph.layers for one in layer.connections)


def _step_cost(graph: Graph, profile: Profile, activity: float) -> tuple[int | None, str | None]:
    update, event = _fact(profile, NEURON_UPDATE), _fact(profile, SYNAPTIC_EVENT)
    if update is None or event is None or update.value is None or event.value is None:
        return None, None
    neurons = sum(layer.units for layer in graph.layers)
    return round(neurons * update.value + _events(graph, activity) * event.value), update.unit


def _fact(profile: Profile, what: str) -> Fact | None:
    return next((fact for fact in profile.facts if fact.what == what), None)
