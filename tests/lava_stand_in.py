"""What the emitted processes use of Lava, in threads: a process waits for messages, and for nothing else.

Channels hold two messages, as `record` asks of Lava. A value of another shape or type than its port, a port
without a channel, and processes that wait for each other are errors here.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np

__all__ = ["PATIENCE", "stand_in"]

_MODULES = {
    "lava.magma.core.decorator": ("implements", "requires", "tag"),
    "lava.magma.core.model.py.model": ("PyLoihiProcessModel",),
    "lava.magma.core.model.py.ports": ("PyInPort", "PyOutPort"),
    "lava.magma.core.model.py.type": ("LavaPyType",),
    "lava.magma.core.process.ports.ports": ("InPort", "OutPort"),
    "lava.magma.core.process.process": ("AbstractProcess",),
    "lava.magma.core.process.variable": ("Var",),
    "lava.magma.core.resources": ("CPU",),
    "lava.magma.core.run_conditions": ("RunSteps",),
    "lava.magma.core.run_configs": ("Loihi2SimCfg",),
    "lava.magma.core.sync.protocols.loihi_protocol": ("LoihiProtocol",),
}

PATIENCE = 20.0
"""Seconds for which a process waits."""


@dataclass(eq=False)
class Port:
    """Either end; `owner` is the process."""

    shape: tuple[int, ...]
    owner: Any = None
    channels: list[queue.Queue[Any]] = field(default_factory=list)
    peers: list[Port] = field(default_factory=list)

    def connect(self, other: Port) -> None:
        assert self.shape == other.shape
        channel: queue.Queue[Any] = queue.Queue(maxsize=2)
        for port, peer in ((self, other), (other, self)):
            port.channels.append(channel)
            port.peers.append(peer)

    def send(self, value: Any) -> None:
        assert value.shape == self.shape
        assert value.dtype == np.int64
        for channel in self.channels:
            channel.put(value.copy(), timeout=PATIENCE)

    def recv(self) -> Any:
        (channel,) = self.channels
        return channel.get(timeout=PATIENCE)


@dataclass(eq=False)
class Variable:
    """A state of a process."""

    shape: tuple[int, ...]
    init: Any = 0


class Declared(NamedTuple):
    """What a model says of a port or a variable."""

    kind: object
    dtype: type


class Process:
    """Base of processes."""

    def __init__(self, **proc_params: Any) -> None:
        self.proc_params = proc_params

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Port):
            value.owner = self
        super().__setattr__(name, value)

    def create_runtime(self, run_cfg: str, compile_config: dict[str, int]) -> None:
        """Nothing has to begin before it runs."""
        assert (run_cfg, compile_config) == ("fixed_pt", {"pypy_channel_size": 2})

    def run(self, condition: int) -> None:
        models = [_model(one) for one in _reached(self)]
        with ThreadPoolExecutor(len(models)) as threads:
            for done in [threads.submit(_steps, one, condition) for one in models]:
                done.result()

    def stop(self) -> None:
        """Nothing is left to stop."""


class Model:
    """Base of what runs a process."""

    of: ClassVar[dict[type[Process], type[Model]]] = {}
    time_step = 0

    def __init__(self, proc_params: Any) -> None:
        self.proc_params = proc_params

    def run_spk(self) -> None:
        raise NotImplementedError


def _reached(first: Process) -> list[Process]:
    found = [first]
    for process in found:
        ports = (value for value in vars(process).values() if isinstance(value, Port))
        peers = (peer.owner for port in ports for peer in port.peers)
        found += [one for one in dict.fromkeys(peers) if one not in found]
    return found


def _model(process: Process) -> Model:
    """What runs `process`, with everything that it declares."""
    kind = Model.of[type(process)]
    model = kind(process.proc_params)
    declared = {name for name, value in vars(kind).items() if isinstance(value, Declared)}
    given = {name: one for name, one in vars(process).items() if isinstance(one, Port | Variable)}
    assert declared == given.keys()
    for name, one in given.items():
        value = np.array(np.broadcast_to(one.init, one.shape)) if isinstance(one, Variable) else one
        setattr(model, name, value)
    return model


def _steps(model: Model, steps: int) -> None:
    for _ in range(steps):
        model.time_step += 1
        model.run_spk()


def _implements(proc: type[Process], protocol: object) -> Callable[[type[Model]], type[Model]]:
    assert protocol == "LoihiProtocol"

    def register(model: type[Model]) -> type[Model]:
        Model.of[proc] = model
        return model

    return register


def _kept(_what: object) -> Callable[[Any], Any]:
    return lambda model: model


_NAMES: dict[str, Any] = {
    "implements": _implements,
    "requires": _kept,
    "tag": _kept,
    "PyLoihiProcessModel": Model,
    "PyInPort": type("PyInPort", (), {"VEC_DENSE": "in"}),
    "PyOutPort": type("PyOutPort", (), {"VEC_DENSE": "out"}),
    "LavaPyType": Declared,
    "InPort": Port,
    "OutPort": Port,
    "AbstractProcess": Process,
    "Var": Variable,
    "CPU": "CPU",
    "RunSteps": lambda num_steps: num_steps,
    "Loihi2SimCfg": lambda select_tag: select_tag,
    "LoihiProtocol": "LoihiProtocol",
}


@contextmanager
def stand_in() -> Iterator[None]:
    """Imports of Lava find what is here; Lava itself is not among the libraries of this Python."""
    names = {".".join(name.split(".")[:depth]) for name in _MODULES for depth in range(1, 9)}
    made = {name: ModuleType(name) for name in names}
    for name, held in _MODULES.items():
        vars(made[name]).update({one: _NAMES[one] for one in held})
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]
