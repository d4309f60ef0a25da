"""From a description to a NIR file: `write_nir`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from expifref.exceptions import MissingToolError, UnsupportedError
from expifref.files.writing import write_with
from expifref.installing import pip_install
from expifref.network.description import (
    INPUT,
    AnyNeuron,
    Description,
    Floats,
    LayerDescription,
    LIFParameters,
)
from expifref.network.neuron_steps import refractory_counts
from expifref.network.pooling import is_pooling

from .options import DT, ENCODER, STEPS
from .shapes import Counted, counted
from .weights import weight_node

__all__ = ["nir_graph", "write_nir"]


def write_nir(description: Description, path: Path) -> None:
    """Write the network as the NIR file `path`, whole or not at all (docs/nir.md).

    Raises:
        UnsupportedError: NIR has no node for a layer, or none that says what it does.
        MissingToolError: the `nir` package is not installed.
        FileFormatError: the file cannot be written.
    """
    graph = nir_graph(description)
    import nir

    write_with(path, lambda beside: nir.write(beside, graph))


def nir_graph(description: Description) -> Any:
    """The network as a `nir.NIRGraph`; errors as `write_nir`."""
    if find_spec("nir") is None:
        raise MissingToolError(f"NIR is written with nir, which is not installed: run `{pip_install('nir')}`")
    import nir

    writer = _Writer(description)
    for layer in description.layers:
        writer.add(layer)
    writer.end(description.layers[-1])
    metadata = {DT: description.dt, STEPS: description.steps, ENCODER: description.encoder}
    try:
        return nir.NIRGraph(writer.nodes, writer.edges, metadata)
    except ValueError as error:  # it takes the height of a kernel for its width, too
        raise UnsupportedError(f"NIR cannot hold this network: {error}") from None


class _Writer:
    """Collects nodes and edges."""

    def __init__(self, description: Description) -> None:
        import nir

        self._dt, self._shapes = description.dt, counted(description)
        self._outputs = {INPUT: INPUT, **{layer.name: layer.name for layer in description.layers}}
        self.nodes: dict[str, Any] = {INPUT: nir.Input(np.array(self._shapes[INPUT].shape))}
        self.edges: list[tuple[str, str]] = []

    def add(self, layer: LayerDescription) -> None:
        """Add a layer: what makes its input of each source, and the node that has its state."""
        shape = self._shapes[layer.name]
        if is_pooling(layer) and len(shape.shape) == 3:
            self._pool(layer)
            return
        node = _state(layer, shape, self._dt)
        self.nodes[layer.name] = node
        for index in range(len(layer.feeds)):
            self.edges.append((self._fed(layer, index), layer.name))

    def end(self, layer: LayerDescription) -> None:
        """Add the output, which is that of `layer`."""
        import nir

        self._node("output", nir.Output(np.array(self._shapes[layer.name].shape)), layer.name)

    def _pool(self, layer: LayerDescription) -> None:
        import nir

        feed = layer.feeds[0]
        assert feed.window is not None, "a pooling has a window"
        size = np.array(feed.window.kernel)
        self.nodes[layer.name] = nir.AvgPool2d(size, size, np.zeros(2, np.int64))
        self.edges.append((feed.source, layer.name))

    def _fed(self, layer: LayerDescription, index: int) -> str:
        """The node that puts out what feed number `index` gives to a layer."""
        import nir

        feed, name = layer.feeds[index], f"{layer.name}_{index}"
        source, shape = feed.source, self._shapes[feed.source]
        # That a node with a state sees itself a step later is what every reader of NIR does by itself.
        stateful = bool(layer.neurons) or layer.filter_tau is not None
        own = stateful and feed.source == layer.name and bool((feed.delay == 1).all())
        if feed.longest and not own:
            delay = np.broadcast_to(feed.delay * self._dt, shape.order.size)
            source = self._node(f"{name}_delay", nir.Delay(_counted(delay, shape)), source)
        if feed.window is None and shape.is_plane:
            flat = nir.Flatten({"input": np.array(shape.shape)}, 0, -1)
            source = self._node(f"{name}_flatten", flat, source)
        return self._node(f"{name}_weight", weight_node(layer, index, shape), source)

    def _node(self, name: str, node: Any, source: str) -> str:
        while name in self.nodes or name in self._outputs:
            name += "_"
        self.nodes[name] = node
        self.edges.append((source, name))
        return name


def _state(layer: LayerDescription, shape: Counted, dt: float) -> Any:
    """The node behind the sum of what feeds a layer."""
    import nir

    for neuron in layer.neurons:
        return _neuron(layer, neuron, shape, dt)
    if layer.filter_tau is None:
        return nir.Scale(np.ones(shape.shape))
    tau = _counted(layer.filter_tau, shape)
    return nir.LI(tau=tau, r=1 / -np.expm1(-dt / tau), v_leak=np.zeros(shape.shape))


def _neuron(layer: LayerDescription, neuron: AnyNeuron, shape: Counted, dt: float) -> Any:
    if type(neuron) not in _NEURONS:
        raise UnsupportedError(
            f"{layer.called()} must have leaky neurons: NIR has no node for exponential or adaptive ones "
            "(--approximate-lif, or `expifref.exchange.leaky.as_leaky`, fits leaky ones)"
        )
    values = {
        name: _counted(value, shape) for name, value in _NEURONS[type(neuron)](layer, neuron, dt).items()
    }
    return _node_of(layer, values, shape, dt)


def _node_of(layer: LayerDescription, values: Mapping[str, Floats], shape: Counted, dt: float) -> Any:
    import nir

    if layer.filter_tau is None:
        return nir.LIF(**values)
    rest = {name: value for name, value in values.items() if name != "tau"}
    tau = _counted(layer.filter_tau, shape)
    return nir.CubaLIF(tau_mem=values["tau"], tau_syn=tau, w_in=1 / -np.expm1(-dt / tau), **rest)


def _leaky(layer: LayerDescription, neuron: LIFParameters, dt: float) -> dict[str, Floats]:
    """What a LIF node says of neurons."""
    if neuron.subtracted:
        raise UnsupportedError(f"{layer.called()} must reset to V_reset: no node of NIR subtracts a spike")
    if refractory_counts(neuron, dt).any():
        raise UnsupportedError(
            f"{layer.called('tau_ref')} must be at most a step: no node of NIR has a refractory period"
        )
    if (neuron.v_initial != neuron.v_rest).any():
        raise UnsupportedError(
            f"{layer.called('V_initial')} must be V_rest: no node of NIR says where a membrane begins"
        )
    return {
        "tau": neuron.tau,
        "r": neuron.resistance,
        "v_leak": neuron.v_rest,
        "v_threshold": neuron.v_th,
        "v_reset": neuron.v_reset,
    }


_NEURONS: Mapping[type, Callable[[LayerDescription, Any, float], dict[str, Floats]]] = MappingProxyType(
    {LIFParameters: _leaky}
)


def _counted(values: Floats, shape: Counted) -> Floats:
    """`values` `[units]` as NIR counts them."""
    found: Floats = values[shape.order].reshape(shape.shape)
    return found
