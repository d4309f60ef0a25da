"""Our executors on the workloads; each function prepares one case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

import numpy as np

from exporters.verification import differing_bits
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, full_name
from quantize.graph.operations import Feed
from quantize.numbers.formats import Format
from quantize.program.file import load_program
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.states import initial_state as graph_state
from quantize.run.trace import Executor

from .measure import NotRunError, Prepared, required_version, weighted

# W1: the neurons alone, on drives -------------------------------------------------------------------------


def w1_native(folder: Path) -> Prepared:
    """Compiled for this machine."""
    from exporters.native.driven import DrivenExecutor

    program, drive = load_program(folder / "program.json"), np.load(folder / "drive.npy")
    layer = program.graph.layers[0]
    membrane = full_name(layer.name, "membrane")
    executor = DrivenExecutor(program.graph, layer.name, layer.signals["drive"], 1)
    last: list[Any] = []

    def run() -> None:
        last[:] = [executor.run(drive)]

    return Prepared(run, lambda: _neurons(last[0].total, last[0].state[membrane]), _own())


def w1_jax(folder: Path, steps: Literal["auto", "scan", "kernel", "interpret"] = "auto") -> Prepared:
    """The JAX executor's loop over the steps, without the product in front of it."""
    import jax

    from quantize.jax.plan import layer_numbers, plan_graph
    from quantize.jax.run import advance, steps_on
    from quantize.jax.scan import Asked, make_parts, run_group

    graph = _driven(load_program(folder / "program.json").graph)
    layer = graph.layers[0]
    membrane = full_name(layer.name, "membrane")
    plan = plan_graph(graph)
    group = plan.groups[0]
    drives = np.load(folder / "drive.npy")[:, np.newaxis]
    asked = Asked(len(drives), frozenset(), frozenset([layer.name]))
    platform = jax.local_devices()[0].platform

    @jax.jit
    def neurons(numbers: Any, drives: Any, state: Any) -> Any:
        parts = make_parts(group, {layer.name: numbers}, {layer.name: {0: drives}}, asked.signals, 1)
        run = run_group(group, parts, state, asked, advance(steps_on(platform, steps), group))
        return run.totals[layer.name], run.state[membrane]

    with jax.enable_x64(True):
        state = {
            name: values.astype(plan.state_words[name]) for name, values in graph_state(graph, 1).items()
        }
        given = jax.device_put((layer_numbers(group.layers[0]), drives, state))
    wait: Callable[[Any], Any] = jax.block_until_ready
    last: list[Any] = []

    def run() -> None:
        with jax.enable_x64(True):
            last[:] = wait(neurons(*given))

    return Prepared(run, lambda: _neurons(np.asarray(last[0]), np.asarray(last[1])), jax_versions())


def w1_emulator(folder: Path) -> Prepared:
    """The readable reference, its neuron update alone."""
    graph = _driven(load_program(folder / "program.json").graph)
    drive = np.load(folder / "drive.npy").astype(np.int64)
    emulator = GraphEmulator(graph)
    (runner,) = emulator.runners
    membrane = full_name(runner.layer.name, "membrane")
    found: dict[str, Any] = {}

    def run() -> None:
        state = graph_state(graph, 1)
        counts = np.zeros((1, runner.layer.units), np.int64)
        for now in drive:
            results = runner.run(1, [now[np.newaxis]], state, emulator.saturations)
            counts += results(runner.layer.output)
            state = {name: results(result) for name, result in runner.states}
        found.update(counts=counts, membrane=state[membrane])

    return Prepared(run, lambda: _neurons(found["counts"], found["membrane"]), _own("numpy"), warm_ups=1)


# W2: a network --------------------------------------------------------------------------------------------


def w2_native(folder: Path) -> Prepared:
    """Outputs only."""
    return _outputs(folder, native)


def w2_native_trace(folder: Path) -> Prepared:
    """Every signal of every step, as int64."""
    return _outputs(folder, native, everything=True)


def w2_jax(folder: Path) -> Prepared:
    """Sums over the steps only."""
    from quantize.jax import JaxExecutor

    program, spikes = load_program(folder / "program.json"), np.load(folder / "spikes.npy")
    executor = JaxExecutor(program.graph)
    last: list[Any] = []

    def run() -> None:
        last[:] = [executor.totals(spikes)]

    return Prepared(run, lambda: checked(last[0].output, last[0].state), jax_versions())


def w2_jax_gpu(folder: Path) -> Prepared:
    """The same on a GPU."""
    import jax

    if jax.default_backend() == "cpu":
        raise NotRunError("JAX finds no GPU")
    return w2_jax(folder)


def w2_jax_trace(folder: Path) -> Prepared:
    """Every signal of every step, as int64."""
    from quantize.jax import JaxExecutor

    return _outputs(folder, lambda program: JaxExecutor(program.graph), everything=True)


def w2_emulator(folder: Path) -> Prepared:
    """The readable reference."""
    return _outputs(folder, Emulator)


def w2_c_host(folder: Path) -> Prepared:
    """The emitted C99: a process that reads a file of inputs and writes a file of all signals."""
    from exporters.c.executor import CExecutor

    return _outputs(
        folder, lambda program: CExecutor(program.graph, label_of(program), "host"), everything=True
    )


def w2_onnx_sequence(folder: Path) -> Prepared:
    """One call of ONNX Runtime."""
    return _outputs(folder, lambda program: _onnx(program, "sequence"))


def w2_onnx_step(folder: Path) -> Prepared:
    """One call of ONNX Runtime for each step."""
    return _outputs(folder, lambda program: _onnx(program, "step"))


# W3: a whole test set -------------------------------------------------------------------------------------


def w3_verify(folder: Path) -> Prepared:
    """Native code against JAX: every signal of every step of every image, batch by batch."""
    from quantize.jax import JaxExecutor

    program, images = load_program(folder / "program.json"), np.load(folder / "images.npy")
    compiled, jax_executor = native(program, None), JaxExecutor(program.graph)
    totals = {"samples": 0, "values": 0, "differing_bits": 0}

    def run() -> None:
        totals.update(dict.fromkeys(totals, 0))
        for first in range(0, len(images), 256):
            frames = images[first : first + 256]
            spikes = np.broadcast_to(frames, (program.steps, *frames.shape))
            a, b = compiled.run(spikes), jax_executor.run(spikes)
            for name, trace in a.signals.items():
                totals["values"] += trace.size
                totals["differing_bits"] += differing_bits(trace, b.signals[name])
            totals["samples"] += len(frames)

    return Prepared(run, lambda: dict(totals), jax_versions(), warm_ups=1)


# Start-up -------------------------------------------------------------------------------------------------


def start_python(_folder: Path) -> Prepared:
    """An interpreter that does nothing."""
    return _command("-c", "pass")


def start_help(_folder: Path) -> Prepared:
    """`expifref --help`."""
    return _command("-m", "cli", "--help")


def start_profiles(_folder: Path) -> Prepared:
    """`expifref profiles list`."""
    return _command("-m", "cli", "profiles", "list")


def start_quantize(folder: Path) -> Prepared:
    """`expifref quantize` of 64-128-10 on the digits."""
    model = _small_model(folder)
    return _command("-m", "cli", "quantize", str(model), "--out", str(model.with_suffix(".json")))


def start_export(folder: Path) -> Prepared:
    """`expifref export` of its program as a deployment file."""
    model = _small_model(folder)
    program, out = model.with_suffix(".json"), model.with_suffix(".deployment.json")
    _command("-m", "cli", "quantize", str(model), "--out", str(program)).run()
    return _command("-m", "cli", "export", str(program), "--to", "json", "--out", str(out))


def _small_model(folder: Path) -> Path:
    from expifref.network.architecture import Architecture, initial_description
    from expifref.network.model_files import save_description

    # Its own folder: the cases of a group live side by side.
    model = Path(mkdtemp(dir=folder)) / "model.safetensors"
    save_description(model, initial_description(Architecture(64, 10)))
    return model


def _command(*arguments: str) -> Prepared:
    def run() -> None:
        subprocess.run(
            [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ)
        )

    return Prepared(run, versions=_own())


# Shared ---------------------------------------------------------------------------------------------------


def _outputs(folder: Path, make: Callable[[Program], Executor], everything: bool = False) -> Prepared:
    program, spikes = load_program(folder / "program.json"), np.load(folder / "spikes.npy")
    executor = make(program)
    output = program.output_name
    signals = None if everything else (output,)
    last: list[Any] = []

    def run() -> None:
        last[:] = [executor.run(spikes, signals=signals)]

    def found() -> dict[str, int]:
        return checked(last[0].signals[output].sum(axis=0), last[0].state)

    return Prepared(run, found, _own("numpy", "onnxruntime"))


def native(program: Program, threads: int | None = 1) -> Executor:
    """Compiled for this machine; for None on all cores."""
    from exporters.native.executor import NativeExecutor

    return NativeExecutor(program.graph, threads)


def _onnx(program: Program, form: str) -> Executor:
    from exporters.onnx.executor import OnnxExecutor
    from exporters.onnx.program import sequence_model, step_model
    from quantize.program.label import label_of

    build = sequence_model if form == "sequence" else step_model
    return OnnxExecutor(build(program.graph, label_of(program)))


def _driven(graph: Graph) -> Graph:
    """The first layer of `graph`, its drive an accumulator that may be any number of 16 bits."""
    layer, fmt = graph.layers[0], Format(True, 16, 0)
    drive = layer.signals["drive"]
    ends = Dense(np.repeat(np.array([[fmt.lo], [fmt.hi]], np.int16), layer.units, axis=1), fmt, fmt)
    alone = replace(
        layer,
        feeds=(LayerFeed(INPUT, ends, np.zeros(1, np.int64)),),
        body=tuple(Feed(drive, 0) if one.name == drive else one for one in layer.body),
        signals={name: result for name, result in layer.signals.items() if name != "accumulator"},
    )
    return Graph(Port(2, Format(False, 1, 0)), (alone,), alone.name)


def _neurons(counts: Any, membrane: Any) -> dict[str, int]:
    return {"spikes": int(counts.sum()), "membrane_sum": int(membrane.sum(dtype=np.int64))}


def checked(output: Any, state: Any) -> dict[str, int]:
    """Spikes of the last layer, and sums that depend on every spike's and last membrane potential's place."""
    return {
        "output_spikes": int(output.sum()),
        "outputs_by_place": weighted(output),
        "membranes_by_place": weighted(state["layer0.membrane"]) + weighted(state["layer1.membrane"]),
    }


def _own(*more: str) -> dict[str, str]:
    return required_version("expifref", *more)


def jax_versions() -> dict[str, str]:
    """Of what runs a case on JAX."""
    return _own("jax", "numpy")
