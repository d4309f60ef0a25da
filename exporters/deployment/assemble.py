"""From a deployment to the program that it runs, put together from the words in its cores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import check_window
from expifref.exceptions import FileFormatError
from expifref.files.texts import listed, short
from quantize.graph.layers import INPUT, Convolution, Dense, Graph, LayerFeed, LayerState, UnitLayer
from quantize.numbers.arrays import Codes, Integers, codes, frozen
from quantize.numbers.packing import Packing
from quantize.program.file import check_program
from quantize.program.program import Evidence, Program

from .document import CoreSlice, DeployedConvolution, DeployedLayer, Deployment
from .wiring import named_constants, routes_to

__all__ = ["program_of"]

Vectors = dict[str, Integers]

_MOST = 200
"""Characters of what was found that a message repeats."""


def program_of(deployment: Deployment) -> Program:
    """The program that `deployment` runs.

    Raises:
        FileFormatError: the slices do not cover every unit of every layer exactly once, their values are not
            those that the layer needs, or a route misses a core.
        ParameterError: a field breaks a rule of the specification.
        RangeError: the widths cannot be proven.
    """
    _check_wiring(deployment)
    units = {INPUT: deployment.input.channels} | {layer.name: layer.units for layer in deployment.layers}
    layers = tuple(_layer(deployment, layer, units) for layer in deployment.layers)
    program = Program(
        dt_seconds=deployment.dt_seconds,
        encoder=deployment.encoder,
        steps=deployment.steps,
        graph=Graph(deployment.input, layers, deployment.output),
        # The program's own evidence stays with the program; its digest says which one that is.
        evidence=Evidence("deployment", deployment.program, {}),
        decision=deployment.decision,
    )
    check_program(program, "the deployment")
    return program


def _check_wiring(deployment: Deployment) -> None:
    names = [layer.name for layer in deployment.layers]
    held = [(core.core, part.layer) for core in deployment.cores for part in core.slices]
    unknown = sorted({name for _, name in held if name not in names})
    if unknown:
        raise FileFormatError(
            f"a slice must belong to one of the layers {listed(names)}, not to `{unknown[0]}`"
        )
    if deployment.routes != routes_to(held, deployment.layers):
        raise FileFormatError(
            "the routes must lead from every source of a layer to every core that holds a part of it, and to "
            "no other"
        )


def _layer(deployment: Deployment, shared: DeployedLayer, units: Mapping[str, int]) -> UnitLayer:
    slices = sorted(
        (part for core in deployment.cores for part in core.slices if part.layer == shared.name),
        key=lambda part: part.start,
    )
    _check_cover(shared, slices)
    initial = _vectors(shared, slices, "initial", shared.states)
    return UnitLayer(
        name=shared.name,
        units=shared.units,
        feeds=tuple(_feed(deployment, shared, slices, units, index) for index in range(len(shared.feeds))),
        constants=_vectors(shared, slices, "constants", named_constants(shared.body)),
        tables=shared.tables,
        states={name: LayerState(fmt, initial[name]) for name, fmt in shared.states.items()},
        body=shared.body,
        next=shared.next,
        output=shared.output,
        signals=shared.signals,
    )


def _check_cover(shared: DeployedLayer, slices: list[CoreSlice]) -> None:
    edges = [0, *(part.stop for part in slices)]
    whole = bool(slices) and edges[-1] == shared.units
    if not whole or any(part.start != stop for part, stop in zip(slices, edges, strict=False)):
        raise FileFormatError(
            f"the cores must hold units 0..{shared.units - 1} of layer `{shared.name}` once each, "
            f"but hold {short(str([(part.start, part.stop) for part in slices]), _MOST)}"
        )
    if any(start >= stop for start, stop in pairwise(edges)):
        raise FileFormatError(f"a slice of layer `{shared.name}` must hold at least one unit")


def _vectors(
    shared: DeployedLayer,
    slices: list[CoreSlice],
    kind: Literal["constants", "initial"],
    names: Collection[str],
) -> Vectors:
    """The vectors `names` of a layer: of one value where the layer says it, else from its slices."""
    common: Vectors = getattr(shared, kind)
    own = [name for name in names if name not in common]
    _check_vectors(f"layer `{shared.name}`", common, [name for name in names if name in common], 1)
    held: list[Vectors] = [getattr(part, kind) for part in slices]
    for part, values in zip(slices, held, strict=True):
        _check_vectors(f"a slice of layer `{shared.name}`", values, own, part.stop - part.start)
    return common | {name: frozen(np.concatenate([values[name] for values in held])) for name in own}


def _check_vectors(owner: str, found: Vectors, names: Collection[str], count: int) -> None:
    for name in names:
        if name not in found or found[name].shape != (count,):
            raise FileFormatError(f"{owner} must have {count} value{'s' * (count != 1)} of `{name}`")
    if unknown := sorted(found.keys() - set(names)):
        raise FileFormatError(f"{owner} has no use for `{unknown[0]}`")


def _feed(
    deployment: Deployment,
    shared: DeployedLayer,
    slices: list[CoreSlice],
    units: Mapping[str, int],
    index: int,
) -> LayerFeed:
    feed = shared.feeds[index]
    if feed.source not in units:
        raise FileFormatError(
            f"layer `{shared.name}` must be fed by `input` or by a layer, not by `{feed.source}`"
        )
    count = 0 if isinstance(feed, DeployedConvolution) else units[feed.source]
    for part in slices:
        _check_rows(shared, part, index, count)
    fmt = feed.weight_format
    packing = Packing(fmt.bits, deployment.word_bits, fmt.signed)
    if isinstance(feed, DeployedConvolution):
        check_window(f"{shared.name}.feeds.{index}.window", feed.window)
        kernel = codes(_weights(feed.kernel_rows, feed.window.outputs, packing))
        return LayerFeed(feed.source, Convolution(kernel, fmt, feed.accumulator, feed.window), feed.delay)
    parts = [_weights(part.weight_rows[index], part.stop - part.start, packing) for part in slices]
    weight = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return LayerFeed(feed.source, Dense(codes(weight), fmt, feed.accumulator), feed.delay)


def _check_rows(shared: DeployedLayer, part: CoreSlice, index: int, count: int) -> None:
    """Whether `part` has as many lists of rows as its layer has feeds, that of `index` as long as `count`."""
    if len(part.weight_rows) != len(shared.feeds):
        raise FileFormatError(
            f"a slice of layer `{shared.name}` must have as many lists of weight rows as feeds, "
            f"{len(shared.feeds)}, not {len(part.weight_rows)}"
        )
    if len(part.weight_rows[index]) != count:
        raise FileFormatError(
            f"a slice of layer `{shared.name}` must have {count} weight rows for "
            f"`{shared.feeds[index].source}`, not {len(part.weight_rows[index])}"
        )


def _weights(rows: Sequence[str] | NDArray[Any], units: int, packing: Packing) -> Codes:
    if isinstance(rows, np.ndarray):
        return packing.weights(rows, units)
    unpacked = [packing.unpack_row(row, units) for row in rows]
    return np.array(unpacked, np.int64).reshape(len(rows), units)
