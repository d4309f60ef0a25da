"""Does a program fit a device, what limits it, and what would a step cost there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from expifref.exceptions import CapacityError
from hw_profiles import Arithmetic, Fact, Profile, refusal

from .placement import place
from .program import Layer, Program, SpikingLayer, layer_prefix
from .ranges import prove

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


def fit(program: Program, profile: Profile, activity: float) -> Fit:
    """Whether `program` can run as it is on the device of `profile`.

    Args:
        activity: share of inputs and neurons that spike in a step, for the estimates.

    Estimates are given only where the profile has a cited figure for each operation they count.
    """
    refused = refusal(profile)
    if refused is not None or profile.arithmetic is None:
        return Fit(profile.name, (refused or "it has no arithmetic",), None, None, None, None, None, None)
    limits = list(_arithmetic_limits(program, profile.arithmetic))
    cores = size = None
    try:
        placement = place(program, profile)
        cores, size = placement.cores, placement.bytes
    except CapacityError as error:
        limits.append(str(error))
    cost, unit = _step_cost(program, profile, activity)
    energy = _fact(profile, SYNAPTIC_ENERGY)
    nanojoule = source = None
    if energy is not None and energy.value is not None and energy.unit == "J":
        nanojoule = _events(program, activity) * energy.value * 1e9
        source = profile.citation(energy.source) if energy.source else None
    return Fit(profile.name, tuple(limits), cores, size, cost, unit, nanojoule, source)


def _arithmetic_limits(program: Program, a: Arithmetic) -> Iterator[str]:
    proof = prove(program)
    words: list[tuple[str, int, int]] = [
        ("input", program.input.bits, a.input_bits),
        ("widest product", proof.intermediate_bits, a.product_bits),
    ]
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        words.append((f"{prefix} weight", layer.dense.weight_format.bits, a.weight_bits))
        if isinstance(layer, SpikingLayer):
            n = layer.neuron
            words += [
                (f"{prefix} drive", layer.drive.format.bits, a.drive_bits),
                (f"{prefix} membrane", n.membrane.format.bits, a.membrane_bits),
                (f"{prefix} sum", n.sum.format.bits, a.sum_bits),
                (f"{prefix} table", max(t.format.bits for t in (n.growth, *n.gain)), a.table_bits),
            ]
    for name, needed, available in words:
        if needed > available:
            yield f"the {name} has {needed} bits and the device's word {available}: quantize for this profile"
    yield from _mode_limits(program, a)


def _mode_limits(program: Program, a: Arithmetic) -> Iterator[str]:
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        for name, found, wanted in _modes(layer, a):
            if found != wanted:
                yield f"the {prefix} {name} uses {found} and the device {wanted}: quantize for this profile"
        multipliers = layer.rescale.multiplier.tolist()
        if a.rescale.kind == "shift" and any(m & (m - 1) for m in multipliers):
            yield f"the {prefix} rescale multiplies and the device only shifts: quantize for this profile"


def _modes(layer: Layer, a: Arithmetic) -> Iterator[tuple[str, str, str]]:
    """Each rounding and overflow of a layer: its name, the program's mode and the device's."""
    site = layer.rescale.site
    yield "rescale rounding", site.rounding, a.rounding.rescale
    yield "drive overflow", site.overflow, a.overflow.drive
    if layer.filter is not None:
        yield "filter rounding", layer.filter.site.rounding, a.rounding.filter
        yield "filter overflow", layer.filter.site.overflow, a.overflow.filter
    if isinstance(layer, SpikingLayer):
        n = layer.neuron
        yield "table rounding", n.growth.rounding, a.rounding.table
        yield "membrane rounding", n.membrane.rounding, a.rounding.membrane
        yield "membrane overflow", n.membrane.overflow, a.overflow.membrane
        yield "sum overflow", n.sum.overflow, a.overflow.sum


def _events(program: Program, activity: float) -> float:
    """Synaptic events of a step: every active input reaches every neuron of the layer."""
    return sum(activity * layer.dense.weight.size for layer in program.layers)


def _step_cost(program: Program, profile: Profile, activity: float) -> tuple[int | None, str | None]:
    update, event = _fact(profile, NEURON_UPDATE), _fact(profile, SYNAPTIC_EVENT)
    if update is None or event is None or update.value is None or event.value is None:
        return None, None
    neurons = sum(layer.width for layer in program.layers)
    return round(neurons * update.value + _events(program, activity) * event.value), update.unit


def _fact(profile: Profile, what: str) -> Fact | None:
    return next((fact for fact in profile.facts if fact.what == what), None)
