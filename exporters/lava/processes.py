"""A graph as processes of Lava: one for each layer, their connections, a player and a recorder."""

from __future__ import annotations

import json
from importlib import resources

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph, UnitLayer

from .connections import hears, remembers
from .names import function, model, process

__all__ = ["process_text"]

_IN, _OUT, _ARRAY = "PyInPort.VEC_DENSE", "PyOutPort.VEC_DENSE", "np.ndarray"


def process_text(graph: Graph) -> str:
    """The file `processes.py` of `graph`, which is proven."""
    text = Emitter()
    for line in _common("head.txt"):
        text(line)
    for layer in graph.layers:
        _write_process(text, layer)
        _write_model(text, layer)
    _write_connect(text, graph)
    _write_recorder(text, graph)
    for line in _common("tail.txt"):
        text(line)
    return str(text)


def _common(name: str) -> list[str]:
    """What is the same for every graph."""
    return (resources.files(__package__) / "parts" / name).read_text(encoding="utf-8").splitlines()


def _write_process(text: Emitter, layer: UnitLayer) -> None:
    text()
    text()
    text(f"class {process(layer.name)}(AbstractProcess):")
    with text.indent():
        text(f'"""The layer `{layer.name}`: {layer.units} units."""')
        text()
        text("def __init__(self, samples=None, given=MappingProxyType({})):")
        with text.indent():
            text(f'shape = NETWORK.shape("{layer.name}", samples)')
            text(f'start = initial(NETWORK, "{layer.name}", samples, given)')
            text(f'weights = weights_of(NETWORK, "{layer.name}")')
            text("super().__init__(shape=shape)")
            for source in _sources(layer):
                text(f'self.from_{source} = InPort(shape=NETWORK.shape("{source}", samples))')
            for port in _out_ports(layer):
                text(f"self.{port} = OutPort(shape=shape)")
            for name, value in _variables(layer).items():
                text(f"self.{name} = Var(shape={value}.shape, init={value})")


def _write_model(text: Emitter, layer: UnitLayer) -> None:
    _write_decorators(text, process(layer.name))
    text(f"class {model(layer.name)}(PyLoihiProcessModel):")
    with text.indent():
        text(f'"""What `{layer.name}` does in a step."""')
        text()
        kinds = dict.fromkeys([f"from_{source}" for source in _sources(layer)], ("PyInPort", _IN))
        kinds |= dict.fromkeys(_out_ports(layer), ("PyOutPort", _OUT))
        kinds |= dict.fromkeys(_variables(layer), (_ARRAY, _ARRAY))
        for name, (kind, lava) in kinds.items():
            text(f"{name}: {kind} = LavaPyType({lava}, np.int64)")
        text()
        text("def run_spk(self):")
        with text.indent():
            _write_step(text, layer)


def _write_step(text: Emitter, layer: UnitLayer) -> None:
    """What was heard in this step comes first; what is only remembered when all has been said.

    So no two layers wait for each other: those that one waits for before it speaks come earlier.
    """
    now = ", ".join(f'"{source}": self.from_{source}.recv()' for source in hears(layer))
    past = ", ".join(f'"{source}": self.past_{source}' for source in remembers(layer))
    state = ", ".join(f'"{key}": self.state_{key}' for key in layer.states)
    weights = ", ".join(f"self.weight_{index}" for index in range(len(layer.feeds)))
    text(f"now = {{{now}}}")
    text(f"past = {{{past}}}")
    text(f"state = {{{state}}}")
    text(f"weights = [{weights}]")
    text(f'found = network.{function(layer.name)}(self.proc_params["shape"], now, past, state, weights)')
    text("self.out.send(found.output)")
    for key in layer.signals:
        text(f'self.tell_{key}.send(found.signals["{key}"])')
    for key in layer.states:
        if key not in layer.signals:
            text(f'self.tell_{key}.send(found.state["{key}"])')
        text(f'self.state_{key} = found.state["{key}"]')
    for source in remembers(layer):
        heard = f'now["{source}"]' if source in hears(layer) else f"self.from_{source}.recv()"
        text(f"self.past_{source} = pushed(self.past_{source}, {heard})")


def _write_recorder(text: Emitter, graph: Graph) -> None:
    ports = [f"hear_{index}" for index, _ in enumerate(recorded(graph))]
    text()
    text()
    text("class Recorder(AbstractProcess):")
    with text.indent():
        text('"""Hears what `NETWORK.told` names, and writes all of it to a file in the last step."""')
        text()
        text("def __init__(self, samples, steps, path):")
        with text.indent():
            text("super().__init__(steps=steps, path=path)")
            for port, layer in zip(ports, recorded(graph), strict=True):
                text(f'self.{port} = InPort(shape=NETWORK.shape("{layer}", samples))')
    _write_decorators(text, "Recorder")
    text("class RecorderModel(PyLoihiProcessModel):")
    with text.indent():
        text('"""What a recorder does in a step."""')
        text()
        for port in ports:
            text(f"{port}: PyInPort = LavaPyType({_IN}, np.int64)")
        text()
        text("def __init__(self, proc_params):")
        with text.indent():
            text("super().__init__(proc_params)")
            text("self.kept = [[] for _ in NETWORK.told]")
        text()
        text("def run_spk(self):")
        with text.indent():
            text("for index, rows in enumerate(self.kept):")
            with text.indent():
                text('rows.append(getattr(self, f"hear_{index}").recv())')
            text('if self.time_step == self.proc_params["steps"]:')
            with text.indent():
                text("# Not by `Var.get`, which hands numbers over as float64.")
                text('np.savez(self.proc_params["path"], *map(np.array, self.kept))')


def _write_decorators(text: Emitter, implemented: str) -> None:
    text()
    text()
    text(f"@implements(proc={implemented}, protocol=LoihiProtocol)")
    text("@requires(CPU)")
    text('@tag("fixed_pt")')


def _write_connect(text: Emitter, graph: Graph) -> None:
    text()
    text()
    text("def connected(samples=None, given=MappingProxyType({})):")
    with text.indent():
        text('"""The processes of all layers by name, connected to each other; see `layers.initial`."""')
        text("layers = {")
        with text.indent():
            for layer in graph.layers:
                text(f'"{layer.name}": {process(layer.name)}(samples, given),')
        text("}")
        for layer in graph.layers:
            for source in _sources(layer):
                if source != INPUT:
                    heard = f'layers["{layer.name}"].from_{source}'
                    text(f'layers["{source}"].out.connect({heard})')
        text("return layers")
    text()
    text()
    text(f"HEARERS = {json.dumps([layer.name for layer in graph.layers if INPUT in _sources(layer)])}")
    text('"""The layers that hear the input."""')


def recorded(graph: Graph) -> list[str]:
    """The layer of each row of `NETWORK.told` (runtime/layers.py)."""
    rows = []
    for layer in graph.layers:
        rows += [layer.name for _ in dict.fromkeys((*layer.signals, *layer.states))]
        rows += [layer.name] if layer.name in graph.histories or layer.name == graph.output else []
    return rows


def _sources(layer: UnitLayer) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*hears(layer), *remembers(layer))))


def _out_ports(layer: UnitLayer) -> list[str]:
    return ["out", *(f"tell_{key}" for key in dict.fromkeys((*layer.signals, *layer.states)))]


def _variables(layer: UnitLayer) -> dict[str, str]:
    """Variable -> what it is at first."""
    found = {f"state_{key}": f'start["{key}"]' for key in layer.states}
    found |= {f"past_{source}": f'start["past.{source}"]' for source in remembers(layer)}
    return found | {f"weight_{index}": f"weights[{index}]" for index in range(len(layer.feeds))}
