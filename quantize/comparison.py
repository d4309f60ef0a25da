"""How far a program is from its float network, layer by layer (measures of docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, SpikingDescription
from expifref.exceptions import DataError, ParameterError
from expifref.simulate import LayerStep, simulate

from .arrays import Integers
from .emulator import Emulator
from .program import Program, ReadoutLayer, SpikingLayer, layer_prefix
from .spike_trains import SpikeComparison, compare_rasters
from .trace import Execution

__all__ = ["Comparison", "Divergence", "LayerComparison", "compare"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Divergence:
    """The first spike that one side has and the other has not."""

    sample: int
    step: int
    layer: str
    neuron: int
    float_spike: bool
    float_membrane: float  # mV
    integer_membrane: float  # mV
    membrane_code: int


@dataclass
class LayerComparison:
    """Sums over all samples for one layer."""

    name: str
    spikes: SpikeComparison | None = None  # None for a readout
    squared_error: float = 0.0  # mV**2 away from spikes, or of the readout value
    compared: int = 0
    float_active: NDArray[np.int64] | None = None  # spikes of each neuron
    integer_active: NDArray[np.int64] | None = None

    @property
    def rmse(self) -> float:
        """Root mean square error: mV of membrane away from spikes, or of the readout value."""
        return float(np.sqrt(self.squared_error / self.compared)) if self.compared else 0.0

    @property
    def silenced(self) -> int:
        """Neurons that spike in float and never in integers."""
        if self.float_active is None or self.integer_active is None:
            return 0
        return int(((self.float_active > 0) & (self.integer_active == 0)).sum())

    @property
    def awakened(self) -> int:
        """Neurons that spike in integers and never in float."""
        if self.float_active is None or self.integer_active is None:
            return 0
        return int(((self.float_active == 0) & (self.integer_active > 0)).sum())


@dataclass
class Comparison:
    """A program against its float network."""

    layers: list[LayerComparison]
    samples: int = 0
    float_correct: int = 0
    integer_correct: int = 0
    agreeing: int = 0
    labelled: bool = False
    first: Divergence | None = None
    saturations: dict[str, int] = field(default_factory=dict)

    @property
    def differing_spikes(self) -> int:
        """Neuron-steps at which only one side spikes, over all layers."""
        return sum(layer.spikes.differing_cells for layer in self.layers if layer.spikes)

    @property
    def spike_difference(self) -> float:
        """`differing_spikes` as a share of the float network's spikes."""
        total = sum(layer.spikes.float_spikes for layer in self.layers if layer.spikes)
        return self.differing_spikes / total if total else 0.0


def compare(
    description: Description,
    program: Program,
    batches: Iterable[tuple[NDArray[np.uint8], NDArray[np.int64] | None]],
) -> Comparison:
    """Run both over `batches` of (spikes `[steps, batch, inputs]`, labels `[batch]` or None).

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        DataError: a label is not one of the network's classes.
    """
    _check_same(description, program)
    prefixes = [layer_prefix(i, layer) for i, layer in enumerate(program.layers)]
    result = Comparison([LayerComparison(prefix) for prefix in prefixes])
    emulator = Emulator(program)
    wanted = [name for name in program.signal_names if name.rpartition(".")[2] in ("spikes", "membrane")]
    kept = sorted({*wanted, program.output_name})
    for spikes, labels in batches:
        execution = emulator.run(spikes, signals=kept)
        trace = list(simulate(description, spikes))
        outputs: list[Floats] = []
        for index, entry in enumerate(result.layers):
            layer_steps = [steps[index] for steps in trace]
            _add_layer(entry, description, program, index, layer_steps, execution)
            outputs = [_output(program, index, step) for step in layer_steps]
        _add_predictions(result, outputs, execution.signals[program.output_name], labels)
        if result.first is None:
            result.first = _first(description, program, trace, execution, result.samples)
        result.samples += spikes.shape[1]
    result.saturations = dict(sorted(emulator.saturations.items()))
    return result


def membrane_mv(description: Description, program: Program, index: int, codes: Integers) -> Floats:
    """Membrane codes of layer `index` in mV."""
    layer, lowered = description.layers[index], program.layers[index]
    if not isinstance(layer, SpikingDescription) or not isinstance(lowered, SpikingLayer):
        raise ParameterError(f"layer {index} is not a spiking layer")
    n = layer.neuron
    real: Floats = (n.v_t + n.delta_t * codes * 2.0**-lowered.neuron.membrane.format.frac) * 1e3
    return real


def _check_same(description: Description, program: Program) -> None:
    ours = [layer.weight.shape for layer in description.layers]
    theirs = [layer.dense.weight.shape for layer in program.layers]
    if ours != theirs:
        raise ParameterError(f"the program must have the model's layers {ours}, not {theirs}")


def _add_layer(
    entry: LayerComparison,
    description: Description,
    program: Program,
    index: int,
    steps: list[LayerStep],
    execution: Execution,
) -> None:
    real = np.stack([step.state.v for step in steps])
    lowered = program.layers[index]
    if isinstance(lowered, ReadoutLayer):
        error = real - execution.signals[entry.name] * 2.0**-lowered.filter.site.format.frac
        entry.squared_error += float((error**2).sum())
        entry.compared += error.size
        return
    fired = np.stack([step.spikes for step in steps])
    lowered_fired = execution.signals[f"{entry.name}.spikes"] > 0
    found = compare_rasters(fired, lowered_fired, description.dt)
    entry.spikes = found if entry.spikes is None else entry.spikes + found
    error = real * 1e3 - membrane_mv(description, program, index, execution.signals[f"{entry.name}.membrane"])
    quiet = ~_around(fired | lowered_fired)
    entry.squared_error += float((error[quiet] ** 2).sum())
    entry.compared += int(quiet.sum())
    entry.float_active = _added(entry.float_active, fired)
    entry.integer_active = _added(entry.integer_active, lowered_fired)


def _added(total: NDArray[np.int64] | None, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = spikes.sum(axis=(0, 1), dtype=np.int64)
    return counts if total is None else total + counts


def _around(spikes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The steps of all spikes and one step on either side."""
    wide = spikes.copy()
    wide[1:] |= spikes[:-1]
    wide[:-1] |= spikes[1:]
    return wide


def _output(program: Program, index: int, step: LayerStep) -> Floats:
    if isinstance(program.layers[index], ReadoutLayer):
        return step.state.v
    return step.spikes.astype(np.float64)


def _add_predictions(
    result: Comparison, outputs: list[Floats], codes: Integers, labels: NDArray[np.int64] | None
) -> None:
    if labels is not None and labels.size and labels.max() >= codes.shape[-1]:
        raise DataError(
            f"labels must be below the {codes.shape[-1]} classes of the network, not {labels.max()}: "
            "give the data set that it was trained on"
        )
    real = np.sum(outputs, axis=0).argmax(axis=-1)
    integer = codes.sum(axis=0).argmax(axis=-1)
    result.agreeing += int((real == integer).sum())
    if labels is None:
        return
    result.labelled = True
    result.float_correct += int((real == labels).sum())
    result.integer_correct += int((integer == labels).sum())


def _first(
    description: Description,
    program: Program,
    trace: list[tuple[LayerStep, ...]],
    execution: Execution,
    samples_before: int,
) -> Divergence | None:
    """The earliest differing spike by step, then by layer, then by sample and neuron."""
    for step, layers in enumerate(trace):
        for index, layer in enumerate(layers):
            prefix = layer_prefix(index, program.layers[index])
            if isinstance(program.layers[index], ReadoutLayer):
                continue
            differ = layer.spikes != (execution.signals[f"{prefix}.spikes"][step] > 0)
            if not differ.any():
                continue
            sample, neuron = (int(i) for i in np.argwhere(differ)[0])
            codes = execution.signals[f"{prefix}.membrane"][step, sample]
            return Divergence(
                samples_before + sample,
                step,
                prefix,
                neuron,
                bool(layer.spikes[sample, neuron]),
                float(layer.state.v[sample, neuron]) * 1e3,
                float(membrane_mv(description, program, index, codes)[neuron]),
                int(codes[neuron]),
            )
    return None
