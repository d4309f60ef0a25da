"""The float network as ONNX, in float64 (docs/onnx.md, "The float model").

The steps of neurons are those of `expifref.dynamics`, the network is that of `expifref.network.simulate`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, parser

from expifref.encoders import get_encoder
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    LayerDescription,
    ReadoutDescription,
    SpikingDescription,
    numbered,
)
from quantize.lowering.names import program_names

from .builder import BATCH, INT64, IR_VERSION, STEPS, UINT8, GraphBuilder, value
from .factors import Factor
from .float_neurons import float_neurons
from .interface import describe
from .ports import input_kind
from .primitives import DOMAIN, OPSET

__all__ = ["float_model"]

_DOUBLE = int(TensorProto.DOUBLE)


def float_model(description: Description, tool: str = "expifref") -> onnx.ModelProto:
    """The whole sequence in float64, in one `Scan`.

    Input: `spikes`, bytes `[steps, batch, inputs]`; with the encoder "current" the value 255 is 1.0.
    Outputs: of each spiking layer `LAYER.V` in volts, float64, and `LAYER.spikes`, uint8, each
    `[steps, batch, neurons]`; each readout by its name, float64 `[steps, batch, classes]`. Every run starts
    at the initial state.
    """
    outer, body = GraphBuilder(), GraphBuilder()
    encoder = get_encoder(description.encoder)
    given = input_kind(encoder.dtype)
    scale = body.constant("input.scale", np.array(encoder.scale))
    source = body.node("Mul", [body.cast("spikes.step", "spikes.float", _DOUBLE), scale], "input")
    batch = outer.node("Shape", ["spikes"], "spikes.batch", start=1, end=2)
    network = _Network(outer, body, batch, description)
    network.outputs[INPUT] = source
    names = program_names(description)
    for layer in description.layers:
        if isinstance(layer, ReadoutDescription):
            network.add_readout(names[layer.name], layer)
        else:
            network.add_spiking(names[layer.name], layer)
    network.end_step()
    states, signals = network.states, network.signals
    loop = helper.make_graph(
        body.nodes,
        "step",
        [value(f"{name}.now", kind, [BATCH, width]) for name, (kind, width) in states.items()]
        + [value("spikes.step", given, [BATCH, description.inputs])],
        [value(f"{name}.next", kind, [BATCH, width]) for name, (kind, width) in states.items()]
        + [value(f"{name}.step", kind, [BATCH, width]) for name, (kind, width) in signals.items()],
        body.constants,
    )
    scan_inputs = [*(f"{name}.start" for name in states), "spikes"]
    scan_outputs = [*(f"{name}.final" for name in states), *signals]
    outer.nodes.append(
        helper.make_node("Scan", scan_inputs, scan_outputs, name="sequence", body=loop, num_scan_inputs=1)
    )
    graph = helper.make_graph(
        outer.nodes,
        "expifref_float",
        [value("spikes", given, [STEPS, BATCH, description.inputs])],
        [value(name, kind, [STEPS, BATCH, width]) for name, (kind, width) in signals.items()],
        outer.constants,
    )
    model = helper.make_model(
        graph,
        functions=[parser.parse_function(text) for text in network.functions],
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name=tool,
    )
    describe(model, {"form": "float", "dt_seconds": repr(description.dt), "tool": tool})
    onnx.checker.check_model(model, full_check=True)
    return model


class _Network:
    """Adds layers to the body of the loop and their initial states to the graph around it."""

    def __init__(self, outer: GraphBuilder, body: GraphBuilder, batch: str, description: Description) -> None:
        self._outer, self._body, self._batch, self._dt = outer, body, batch, description.dt
        self._description = description
        self.outputs: dict[str, str] = {}  # source -> tensor of what it has in this step
        self.states: dict[str, tuple[int, int]] = {}  # name -> element type, width
        self.signals: dict[str, tuple[int, int]] = {}
        self.functions: dict[str, None] = {}  # in the order of their first use

    def add_spiking(self, prefix: str, layer: SpikingDescription) -> None:
        """Add a spiking layer."""
        body, width = self._body, layer.units
        current = self._fed(prefix, layer)
        if layer.tau_synapse is not None:
            current = self._leaky(f"{prefix}.synapse", layer.tau_synapse, width, current)
        neurons = float_neurons(layer.neuron, self._dt)
        self.functions |= dict.fromkeys(neurons.functions)
        parameters = [body.constant(f"{prefix}.{name}", array) for name, array in neurons.constants.items()]
        for name, initial in neurons.initial.items():
            self._start(f"{prefix}.{name}", INT64 if initial.dtype == np.int64 else _DOUBLE, initial)
        now = [f"{prefix}.{name}.now" for name in neurons.initial]
        after = [f"{prefix}.{name}.next" for name in neurons.initial]
        body.calls(neurons.step, [*now, current, *parameters], [*after, f"{prefix}.spikes.step"])
        body.node("Identity", [f"{prefix}.V.next"], f"{prefix}.V.step")
        self.signals |= {f"{prefix}.V": (_DOUBLE, width), f"{prefix}.spikes": (UINT8, width)}
        spikes = body.cast(f"{prefix}.spikes.step", f"{prefix}.spikes.float", _DOUBLE)
        self.outputs[layer.name] = spikes

    def add_readout(self, prefix: str, layer: ReadoutDescription) -> None:
        """Add a readout layer."""
        output = self._fed(prefix, layer)
        if layer.tau is not None:
            output = self._leaky(f"{prefix}.memory", layer.tau, layer.units, output)
        self.outputs[layer.name] = self._body.node("Identity", [output], f"{prefix}.step")
        self.signals[prefix] = (_DOUBLE, layer.units)

    def end_step(self) -> None:
        """Keep what sources had in this step for as long as a feed looks back."""
        units = self._description.units
        for source, steps in self._description.histories.items():
            for age in range(1, steps + 1):
                self._start(f"{source}.before{age}", _DOUBLE, np.zeros(units[source]))
                younger = f"{source}.before{age - 1}.now" if age > 1 else self.outputs[source]
                self._body.node("Identity", [younger], f"{source}.before{age}.next")

    def _fed(self, prefix: str, layer: LayerDescription) -> str:
        """The weighted sum of what all feeds see, and the bias."""
        body, total = self._body, ""
        for index, feed in enumerate(layer.feeds):
            name, factor = f"{prefix}.{numbered('feed', index)}", Factor(feed.weight, feed.window)
            weight = body.constant(f"{prefix}.{numbered('weight', index)}", factor.matrix)
            seen = self._seen(f"{prefix}.{numbered('seen', index)}", feed)
            seen = factor.seen(body, name, seen, np.array(0.0))
            product = body.node("MatMul", [seen, weight], f"{prefix}.{numbered('product', index)}")
            added = factor.sums(body, name, product)
            total = body.node("Add", [total, added], f"{prefix}.sum{index}") if index else added
        bias = body.constant(f"{prefix}.bias", layer.bias)
        return body.node("Add", [total, bias], f"{prefix}.current")

    def _seen(self, name: str, feed: FeedDescription) -> str:
        """What `feed` sees: each source unit as old as its delay says."""
        ages = np.unique(feed.delay).tolist()
        aged = [f"{feed.source}.before{age}.now" if age else self.outputs[feed.source] for age in ages]
        seen = aged[0]
        for age, tensor in zip(ages[1:], aged[1:], strict=True):
            mask = self._body.constant(f"{name}.is{age}", feed.delay == age)
            seen = self._body.node("Where", [mask, tensor, seen], f"{name}.from{age}")
        return seen

    def _leaky(self, name: str, tau: NDArray[np.float64], width: int, increment: str) -> str:
        """`y' = exp(-dt / tau) y + increment`."""
        self._start(name, _DOUBLE, np.zeros(width))
        decay = self._body.constant(f"{name}.decay", np.exp(-self._dt / tau))
        kept = self._body.node("Mul", [f"{name}.now", decay], f"{name}.kept")
        return self._body.node("Add", [kept, increment], f"{name}.next")

    def _start(self, name: str, kind: int, initial: NDArray[Any]) -> None:
        """Declare a state and expand its initial value to the batch."""
        outer, width = self._outer, initial.shape[0]
        self.states[name] = (kind, width)
        first = outer.constant(f"{name}.initial", initial)
        size = outer.constant(f"{name}.width", np.array([width], np.int64))
        shape = outer.node("Concat", [self._batch, size], f"{name}.shape", axis=0)
        outer.node("Expand", [first, shape], f"{name}.start")
