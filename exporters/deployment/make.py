"""From a program to a deployment and back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from expifref.exceptions import FileFormatError
from hw_profiles import Profile
from quantize.arrays import LARGE, Codes, Integers, codes, frozen
from quantize.packing import Packing
from quantize.placement import Slice, place, word_bits
from quantize.program import (
    Dense,
    Evidence,
    Filter,
    Layer,
    NeuronUpdate,
    Program,
    ReadoutLayer,
    Rescale,
    SpikingLayer,
    Synapse,
)
from quantize.program_io import digest
from quantize.ranges import prove

from .document import Core, CoreSlice, DeployedLayer, DeployedNeuron, Deployment, Route

__all__ = ["deploy", "program_of"]


def deploy(program: Program, profile: Profile) -> Deployment:
    """Place `program` on the device of `profile`.

    Raises:
        CapacityError: it does not fit.
    """
    slices = place(program, profile).slices
    word = word_bits(profile)
    return Deployment(
        program=digest(program),
        profile=profile.name,
        profile_sha256=profile.digest,
        dt_seconds=program.dt_seconds,
        word_bits=word,
        input=program.input,
        layers=tuple(_deployed(layer) for layer in program.layers),
        cores=tuple(_core(program, core, slices, word) for core in sorted({s.core for s in slices})),
        routes=_routes([(part.core, part.layer) for part in slices], len(program.layers)),
        output_layer=len(program.layers) - 1,
    )


def program_of(deployment: Deployment) -> Program:
    """The program that `deployment` runs, put together from the words in its cores.

    Raises:
        FileFormatError: the slices do not cover every neuron of every layer exactly once, their constants are
            not those of the layer, or a route misses a core.
        ParameterError: a field breaks a rule of the specification.
        RangeError: the widths cannot be proven.
    """
    _check_wiring(deployment)
    layers = tuple(_layer(deployment, index) for index in range(len(deployment.layers)))
    # The program's own evidence stays with the program; its digest says which one that is.
    evidence = Evidence("deployment", deployment.program, {"name": deployment.profile})
    program = Program(deployment.dt_seconds, deployment.input, layers, evidence)
    prove(program)
    return program


def _routes(held: list[tuple[int, int]], layers: int) -> tuple[Route, ...]:
    """The routes to every (core, layer) in `held`: a layer is fed by the one before it, or by the input."""
    return tuple(
        Route(index - 1 if index else None, index, tuple(core for core, layer in held if layer == index))
        for index in range(layers)
    )


def _check_wiring(deployment: Deployment) -> None:
    count = len(deployment.layers)
    held = [(core.core, part.layer) for core in deployment.cores for part in core.slices]
    unknown = sorted({layer for _, layer in held if not 0 <= layer < count})
    if unknown:
        raise FileFormatError(f"a slice must belong to one of {count} layers, not to layer {unknown[0]}")
    if deployment.routes != _routes(held, count):
        raise FileFormatError(
            "the routes must lead to every core that holds a part of a layer, and to no other"
        )
    if deployment.output_layer != count - 1:
        raise FileFormatError(
            f"the output layer must be the last one, {count - 1}, not {deployment.output_layer}"
        )


def _core(program: Program, core: int, slices: tuple[Slice, ...], word: int) -> Core:
    mine = [part for part in slices if part.core == core]
    held = tuple(_core_slice(program.layers[part.layer], part, word) for part in mine)
    return Core(core, sum(part.bytes for part in mine), held)


def _core_slice(layer: Layer, part: Slice, word: int) -> CoreSlice:
    columns = slice(part.start, part.stop)
    packing = Packing(layer.dense.weight_format.bits, word)
    weight = layer.dense.weight[:, columns]
    large = len(weight) * packing.row_words(weight.shape[1]) * word > 8 * LARGE
    rows = packing.words(weight) if large else tuple(packing.pack_row(row) for row in weight)
    constants = {name: frozen(values[columns]) for name, values in _constants(layer).items()}
    return CoreSlice(part.layer, part.start, part.stop, rows, constants)


def _constants(layer: Layer) -> dict[str, Integers]:
    constants = {"multiplier": layer.rescale.multiplier, "bias": layer.rescale.bias}
    if isinstance(layer, ReadoutLayer):
        return constants | {"decay": layer.filter.decay}
    if layer.synapse is not None:
        constants |= {"decay": layer.synapse.filter.decay, "offset": layer.synapse.offset}
    n = layer.neuron
    return constants | {
        "threshold": n.threshold,
        "reset": n.reset,
        "initial": n.initial,
        "refractory_steps": n.refractory_steps,
        "gain_index": n.gain_index,
    }


def _deployed(layer: Layer) -> DeployedLayer:
    part = layer.filter
    neuron: DeployedNeuron | None = None
    if isinstance(layer, SpikingLayer):
        n = layer.neuron
        neuron = DeployedNeuron(layer.drive, n.membrane, n.sum, n.domain, n.growth, n.gain)
    return DeployedLayer(
        name=layer.name,
        kind=layer.kind,
        inputs=layer.dense.weight.shape[0],
        neurons=layer.width,
        weight=layer.dense.weight_format,
        accumulator=layer.dense.accumulator,
        rescale_shift=layer.rescale.shift,
        rescale=layer.rescale.site,
        filter_shift=None if part is None else part.shift,
        filter=None if part is None else part.site,
        neuron=neuron,
    )


def _layer(deployment: Deployment, index: int) -> Layer:
    shared = deployment.layers[index]
    slices = sorted(
        (part for core in deployment.cores for part in core.slices if part.layer == index),
        key=lambda part: part.start,
    )
    _check_cover(shared, slices)
    packing = Packing(shared.weight.bits, deployment.word_bits)
    parts = [_weights(shared, part, packing) for part in slices]
    weight = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def constant(name: str) -> Integers:
        return frozen(np.concatenate([_constant(shared, part, name) for part in slices]))

    layer = _assembled(shared, codes(weight), constant)
    for part in slices:
        unknown = sorted(part.constants.keys() - _constants(layer).keys())
        if unknown:
            raise FileFormatError(f"a slice of layer `{shared.name}` has no use for `{unknown[0]}`")
    return layer


def _assembled(shared: DeployedLayer, weight: Codes, constant: Callable[[str], Integers]) -> Layer:
    dense = Dense(weight, shared.weight, shared.accumulator)
    rescale = Rescale(constant("multiplier"), constant("bias"), shared.rescale_shift, shared.rescale)
    part: Filter | None = None
    if shared.filter is not None and shared.filter_shift is not None:
        part = Filter(constant("decay"), shared.filter_shift, shared.filter)
    n = shared.neuron
    if shared.kind == "readout" and part is not None and n is None:
        return ReadoutLayer(shared.name, dense, rescale, part)
    if shared.kind == "readout" or n is None:
        raise FileFormatError(
            f"layer `{shared.name}` must be spiking with a neuron, or a readout with a filter and no neuron"
        )
    synapse = None if part is None else Synapse(part, constant("offset"), n.drive)
    update = NeuronUpdate(
        membrane=n.membrane,
        threshold=constant("threshold"),
        reset=constant("reset"),
        initial=constant("initial"),
        refractory_steps=constant("refractory_steps"),
        domain=n.domain,
        growth=n.growth,
        gain=n.gain,
        gain_index=constant("gain_index"),
        sum=n.sum,
    )
    return SpikingLayer(shared.name, dense, rescale, synapse, update)


def _check_cover(shared: DeployedLayer, slices: list[CoreSlice]) -> None:
    edges = [0, *(part.stop for part in slices)]
    whole = bool(slices) and edges[-1] == shared.neurons
    if not whole or any(part.start != stop for part, stop in zip(slices, edges, strict=False)):
        raise FileFormatError(
            f"the cores must hold neurons 0..{shared.neurons - 1} of layer `{shared.name}` once each, "
            f"but hold {[(part.start, part.stop) for part in slices]}"
        )
    if any(start >= stop for start, stop in pairwise(edges)):
        raise FileFormatError(f"a slice of layer `{shared.name}` must hold at least one neuron")


def _weights(shared: DeployedLayer, part: CoreSlice, packing: Packing) -> Codes:
    if len(part.weight_rows) != shared.inputs:
        raise FileFormatError(
            f"a slice of layer `{shared.name}` must have {shared.inputs} weight rows, "
            f"not {len(part.weight_rows)}"
        )
    if isinstance(part.weight_rows, np.ndarray):
        return packing.weights(part.weight_rows, part.stop - part.start)
    return np.stack([packing.unpack_row(row, part.stop - part.start) for row in part.weight_rows])


def _constant(shared: DeployedLayer, part: CoreSlice, name: str) -> Integers:
    values = part.constants.get(name)
    if values is None or values.shape != (part.stop - part.start,):
        raise FileFormatError(
            f"a slice of layer `{shared.name}` must have {part.stop - part.start} values of `{name}`"
        )
    return values
