"""Networks that cannot be lowered: one sentence, exit 2, nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.files.tensors import write_tensors
from hw_profiles import profile_path

from .conftest import Workspace
from .edits import Tensors, edit_model
from .shell import refused, succeeds


def put(name: str, value: float) -> Callable[[Tensors], None]:
    """An edit that sets the first element of `name`."""

    def edit(tensors: Tensors) -> None:
        tensors[name].flat[0] = value

    return edit


def lowered(work: Workspace, folder: Path, bad: Path, *options: object) -> str:
    """The sentence with which `quantize` refuses `bad`."""
    out = folder / "program.json"
    out.write_text("an earlier result")
    return refused(folder, "quantize", bad, "--dataset", work.data, "--out", out, *options)


VALUES: dict[str, tuple[str, float, str]] = {
    "nan weight": (
        "layer0.weight",
        np.nan,
        "`layer0.weight` must be finite, but 1 of 48 values are NaN or infinite",
    ),
    "infinite weight": (
        "readout.weight",
        np.inf,
        "`readout.weight` must be finite, but 1 of 24 values are NaN or infinite",
    ),
    "infinite bias": (
        "layer0.bias",
        -np.inf,
        "`layer0.bias` must be finite, but 1 of 8 values are NaN or infinite",
    ),
    "huge weight": (
        "layer0.weight",
        1e30,
        "`layer0` must be rescaled by a multiplier below 65536, but needs 5.68e+29: "
        "use more weight bits or a profile with wider products",
    ),
    "tiny delta_T": (
        "layer0.neuron.delta_t",
        1e-320,
        "`layer0.V_th` must be at most 700 delta_T above V_T, not -30 mV",
    ),
    "tau 0": ("layer0.neuron.tau", 0, "`layer0.tau` must be above 0 ms, not 0 ms"),
    "tau -1": ("layer0.neuron.tau", -1, "`layer0.tau` must be above 0 ms, not -1000 ms"),
    "tiny tau": (
        "layer0.neuron.tau",
        1e-300,
        "`dt` must be at most 100 times `layer0.tau`, which is 1e-297 ms, not 1 ms: train with a smaller dt",
    ),
    "delta_T 0": ("layer0.neuron.delta_t", 0, "`layer0.delta_T` must be above 0 mV, not 0 mV"),
    "delta_T -1": ("layer0.neuron.delta_t", -1, "`layer0.delta_T` must be above 0 mV, not -1000 mV"),
    "tau_ref": ("layer0.neuron.tau_ref", -1, "`layer0.tau_ref` must be at least 0 ms, not -1000 ms"),
    "long tau_ref": (
        "layer0.neuron.tau_ref",
        1e30,
        "`tau_ref` must be at most 2147483647 steps of `dt`, not 1e+33",
    ),
    "R": ("layer0.neuron.resistance", -2, "`layer0.R` must be above 0 ohm, not -2 ohm"),
    "V_reset": ("layer0.neuron.v_reset", 0, "`layer0.V_reset` must be below V_th, not 0 mV"),
    "far V_th": (
        "layer0.neuron.v_th",
        1e10,
        "`layer0.V_th` must be at most 700 delta_T above V_T, not 1e+13 mV",
    ),
    "far V_rest": (
        "layer0.neuron.v_rest",
        -1e300,
        "`layer0.V_rest` must be at most 1e+63 mV in magnitude, not -1e+303 mV",
    ),
    "largest weight": (
        "layer0.weight",
        1e307,
        "`layer0.weight` must be at most 1e+60 in magnitude, not 1e+307",
    ),
    "long readout": (
        "readout.tau",
        1e30,
        "`readout.tau` must be at most 3.277e+04 ms for 16-bit decays at this dt, not 1e+33 ms",
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_value(work: Workspace, tmp_path: Path, case: str) -> None:
    name, value, message = VALUES[case]
    bad = edit_model(work.model, tmp_path / "m.safetensors", put(name, value))
    assert lowered(work, tmp_path, bad) == message


BREAKS = "`{bad}` breaks its schema at "
VERSION = (
    "`{bad}` must have the expifref-model version 1, not {found}; use the expifref release that wrote it"
)
ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"version": 2}, VERSION.replace("{found}", "2")),
    "version text": ({"version": "1"}, VERSION.replace("{found}", '"1"')),
    "version flag": ({"version": True}, VERSION.replace("{found}", "true")),
    "no version": ({"version": None}, VERSION.replace("{found}", "null")),
    "units": ({"units": "mV"}, f"{BREAKS}`units`: Input should be 'SI'"),
    "dt text": ({"dt": "fast"}, f"{BREAKS}`dt`: Input should be a valid number"),
    "dt 0": ({"dt": 0}, "`dt` must be finite and above 0 ms, not 0 ms"),
    "dt nan": (
        {"dt": np.nan},
        "the metadata of `{bad}` must hold one whole JSON object, but `NaN` is not a JSON number; restore or "
        "correct the file",
    ),
    "long dt": (
        {"dt": 1e300},
        "`dt` must be at most 100 times `layer0.tau`, which is 10 ms, not 1e+303 ms: train with a smaller dt",
    ),
    "short dt": ({"dt": 1e-300}, "`tau_ref` must be at most 2147483647 steps of `dt`, not 1.7e+297"),
    "steps": ({"steps": 10**30}, f"`steps` must be 1 to 1000000, not {10**30}"),
    "half steps": ({"steps": 2.5}, f"{BREAKS}`steps`: Input should be a valid integer"),
    "encoder": (
        {"encoder": "poisson"},
        "the encoder must be one of rate, latency, current, signed, signed-current, spikes, delta, level, "
        "population, not 'poisson'",
    ),
    "inputs": ({"inputs": 7}, "`layer0.weight` must have 7 inputs, not the shape [6, 8]"),
    "layers": ({"layers": []}, "a network must have at least one layer, and this one has none"),
    "kind": (
        {"layers": [{"name": "layer0", "kind": "conv", "filtered": False}]},
        f"{BREAKS}`layers.0.kind`: Input should be 'spiking', 'adexif', 'lif', 'lif_subtracted' or 'readout'",
    ),
    "name": (
        {"layers": [{"name": "other", "kind": "readout", "filtered": False}]},
        "a model file must hold the tensor `other.weight`, which is missing",
    ),
    "architecture": ({"architecture": {"a": 1}}, f"{BREAKS}`architecture.inputs`: this key is missing"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_metadata(work: Workspace, tmp_path: Path, case: str) -> None:
    document, message = ENTRIES[case]
    bad = edit_model(work.model, tmp_path / "m.safetensors", document=document)
    assert lowered(work, tmp_path, bad) == message.replace("{bad}", str(bad))


def test_constant_beyond_64_bits(work: Workspace, tmp_path: Path) -> None:
    bad = edit_model(work.model, tmp_path / "m.safetensors", put("layer0.neuron.v_rest", -1e40))
    message = lowered(work, tmp_path, bad)
    assert message.startswith("a constant of the program must fit 64 bits, not reach ")
    assert message.endswith(": check the weights and the parameters of the neurons")


def test_foreign_tensors(work: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "m.safetensors"
    write_tensors(bad, {"w": np.zeros(3)}, "weights", {})
    message = f"`{bad}` must be an expifref-model file, but is another safetensors file"
    assert lowered(work, tmp_path, bad) == message


def test_trained_with_too_large_a_step(work: Workspace, tmp_path: Path) -> None:
    model = tmp_path / "m.safetensors"
    options = ("--dt", 500, "--steps", 3, "--hidden", 4, "--epochs", 1)
    succeeds("train", "--dataset", work.data, "--out", model, *options)
    message = lowered(work, tmp_path, model)
    assert message.startswith(
        "dt must be small enough for 16-bit tables to hold both the resting gain 1 and the firing gain "
    )
    assert message.endswith(
        ", but dt / tau is 50: train with a smaller dt or choose a profile with wider tables"
    )


def test_program_of_another_model(work: Workspace, tmp_path: Path) -> None:
    other = edit_model(work.model, tmp_path / "m.safetensors", put("layer0.weight", 0.0))
    assert refused(tmp_path, "compare", other, work.program, "--dataset", work.data) == (
        f"`{work.program}` must be made from `{other}`, but was made from another model: quantize this one"
    )


ADVICE = (
    ", so ExpIFRef neurons cannot run on it; choose a profile with arithmetic such as `generic-16bit`, "
    "or train leaky integrate-and-fire neurons for this chip with its own tools"
)
REFUSING = {
    "loihi1": "has no exponential and no table to replace it",
    "xylo-audio3": "has no exponential and no refractory period",
    "speck2e": "has no exponential and no refractory period",
}


@pytest.mark.parametrize("name", REFUSING)
def test_refusing_profile(work: Workspace, tmp_path: Path, name: str) -> None:
    message = f"{name} {REFUSING[name]}{ADVICE}"
    assert lowered(work, tmp_path, work.model, "--profile", name) == message
    out = tmp_path / "results"
    assert refused(tmp_path, "run", "--dataset", work.data, "--profile", name, "--out", out) == message
    assert not out.exists()


def own_profile(folder: Path, part: str, limit: str, value: object) -> Path:
    """The generic profile with one number changed."""
    document = json.loads(profile_path("generic-16bit").read_text())
    document["name"] = "own"
    entry = document[part]
    if part == "capacity":
        entry[limit] |= {"value": value, "confidence": "chosen", "source": next(iter(document["sources"]))}
    else:
        entry[limit] = value
    path = folder / "own.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        (
            "neurons_per_core",
            4,
            "`own` has room for 4 neurons and unknown memory on 1 core, but the network has 11 neurons "
            "and needs N bytes; it ran out at `layer0`: "
            "use fewer weight bits, fewer neurons or a larger device",
        ),
        ("fan_in", 5, "`own` allows a fan-in of 5, but `layer0` has 6"),
        (
            "memory_bytes_per_core",
            64,
            "`own` has 64 bytes per core, but one neuron of `layer0` with its tables needs N: "
            "use fewer inputs or weight bits",
        ),
    ],
)
def test_profile_too_small(work: Workspace, tmp_path: Path, limit: str, value: int, message: str) -> None:
    own = own_profile(tmp_path, "capacity", limit, value)
    found = lowered(work, tmp_path, work.model, "--profile", own)
    # How many bytes there are depends on the tables, which follow from the trained weights.
    assert re.sub(r"needs \d+", "needs N", found) == message


def test_unknown_profile(work: Workspace, tmp_path: Path) -> None:
    message = lowered(work, tmp_path, work.model, "--profile", "generic16bit")
    assert message.endswith("not `generic16bit`; did you mean `generic-16bit`?")
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"schema": "expifref/profile/2"}))
    assert lowered(work, tmp_path, work.model, "--profile", own) == (
        f'`{own}` must have "schema": "expifref/profile/1", the version this expifref reads, '
        'not "expifref/profile/2"; convert the file or use a matching expifref'
    )


def test_encoder_the_profile_cannot_take(work: Workspace, tmp_path: Path) -> None:
    own = own_profile(tmp_path, "arithmetic", "input_bits", 1)
    assert lowered(work, tmp_path, work.model, "--profile", own) == (
        "the encoder `current` needs 8-bit inputs, but the profile has 1: "
        "train with the rate or latency encoder"
    )
