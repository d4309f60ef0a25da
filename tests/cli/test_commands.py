"""Every command on a tiny network, as a person would call it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from expifref.files.limits import RESUME
from expifref.files.tensors import read_tensors, write_tensors
from expifref.network.model_files import read_model
from expifref.training.resume_file import resume_path
from exporters.deployment.document import load_deployment
from exporters.executors import EXECUTORS, missing_executors
from exporters.measurements import missing_measurements
from exporters.tools import override_name
from hw_profiles import profile_path
from quantize.program.file import digest, load_program

from .conftest import CLASSES, HIDDEN, INPUTS, Workspace
from .shell import expifref, succeeds

SHORT = ("--epochs", 1, "--steps", 4)


@pytest.mark.parametrize("encoder", ["rate", "latency", "current"])
def test_train_with_each_encoder(work: Workspace, tmp_path: Path, encoder: str) -> None:
    out = tmp_path / "m.safetensors"
    wide = ("--hidden", 5, "--hidden", 4, "--tau-synapse", 5.0, "--dt", 0.5, "--encoder", encoder)
    result = succeeds("train", "--dataset", work.data, "--out", out, *SHORT, *wide, "--json").json
    assert result["model"] == str(out)
    assert result["stopped"] == "finished"
    assert result["epochs"] == 1
    description = read_model(out).description
    assert [layer.feeds[0].weight.shape for layer in description.layers] == [
        (INPUTS, 5),
        (5, 4),
        (4, CLASSES),
    ]
    assert (description.dt, description.encoder, description.steps) == (0.5e-3, encoder, 4)
    tau = [getattr(layer, "tau_synapse", None) for layer in description.layers]
    assert [None if part is None else part.tolist() for part in tau] == [[5e-3] * 5, [5e-3] * 4, None]
    program = tmp_path / "p.json"
    succeeds("quantize", out, "--dataset", work.data, "--out", program)
    assert succeeds("verify", program, "--executor", "deployment", "--json").json["passed"]


def test_resume_goes_on(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    command = ("train", "--dataset", work.data, "--hidden", 4, "--steps", 4, "--out", out)
    succeeds(*command, "--epochs", 1)
    longer = expifref(*command, "--epochs", 2, "--resume")
    assert longer.code == 0
    assert longer.out.splitlines()[0].rstrip() == "Training"
    assert " ".join(longer.err.split()) == (
        "Warning: the run began for 1 epochs and goes on to 2: from here on the learning rate follows the "
        "schedule of 2, so the result is not that of 2 epochs at once"
    )
    assert read_model(out).metrics["epochs"] == 2


def test_resume_in_another_environment_warns_on_stderr(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    command = ("train", "--dataset", work.data, "--hidden", 4, "--steps", 4, "--out", out)
    succeeds(*command, "--epochs", 1)
    tensors, document = read_tensors(resume_path(out), "expifref-resume", 1, RESUME)
    (here,) = document["environments"]
    document["environments"] = [{**here, "jaxlib": "0.0.1"}]
    write_tensors(resume_path(out), tensors, "expifref-resume", document)
    outcome = expifref(*command, "--epochs", 2, "--resume", "--json")
    assert (outcome.code, outcome.json["epochs"]) == (0, 2)
    assert " ".join(outcome.err.split()).startswith(
        "Warning: the run goes on in another environment "
        f"(`jaxlib` was 0.0.1, is {here['jaxlib']}), so the network may differ in its last bits "
        "from that of a run that was never cut"
    )
    assert [found["jaxlib"] for found in read_model(out).environments] == ["0.0.1", here["jaxlib"]]


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ((), (8, 16)),
        (("--weight-bits", 4), (4, 16)),
        (("--membrane-bits", 12), (8, 12)),
        (("--profile", "generic-8bit"), (8, 8)),
        (("--profile", "spinnaker1"), None),
        (("--profile", "ice40-up5k"), None),
    ],
)
def test_quantize(
    work: Workspace, tmp_path: Path, options: tuple[object, ...], bits: tuple[int, int] | None
) -> None:
    out = tmp_path / "p.json"
    summary = succeeds("quantize", work.model, "--dataset", work.data, "--out", out, "--json", *options).json
    program = load_program(out)
    assert summary["digest"] == digest(program)
    assert summary["neurons"] == HIDDEN + CLASSES
    layer = program.graph.by_name["layer0"]
    if bits is not None:
        weight = layer.feeds[0].connection.weight_format
        assert (weight.bits, layer.states["membrane"].format.bits) == bits


def test_quantize_for_a_profile_of_your_own(work: Workspace, tmp_path: Path) -> None:
    text = profile_path("generic-16bit").read_text(encoding="utf-8")
    own = tmp_path / "mön profil.json"
    own.write_text(text.replace('"generic-16bit"', '"mine"', 1), encoding="utf-8")
    out = tmp_path / "ä b" / "p.json"
    assert succeeds("profiles", "check", own, "--json").json["name"] == "mine"
    succeeds("quantize", work.model, "--dataset", work.data, "--profile", own, "--out", out)
    assert load_program(out).evidence.profile["name"] == "mine"


def test_exports_load_again(work: Workspace, tmp_path: Path) -> None:
    floats = tmp_path / "float.onnx"
    summary = succeeds("export", work.model, "--to", "onnx-float", "--out", floats, "--json").json
    assert summary["bytes"] == floats.stat().st_size
    for path in (work.onnx, work.step, floats):
        onnx.checker.check_model(onnx.load(path), full_check=True)
    assert load_deployment(work.deployment).program == digest(load_program(work.program))


def test_the_same_program_gives_the_same_files(work: Workspace, tmp_path: Path) -> None:
    again = tmp_path / "program.json"
    succeeds("quantize", work.model, "--dataset", work.data, "--out", again)
    assert again.read_bytes() == work.program.read_bytes()
    for target, path in (("json", work.deployment), ("onnx", work.onnx), ("onnx-step", work.step)):
        succeeds("export", again, "--to", target, "--out", tmp_path / path.name)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_compare(work: Workspace) -> None:
    command = ("compare", work.model, work.program, "--dataset", work.data)
    result = succeeds(*command, "--json").json
    assert set(result) == {
        "samples",
        "float_accuracy",
        "program_accuracy",
        "prediction_agreement",
        "spike_difference",
        "layers",
        "first_divergence",
        "saturations",
    }
    assert result["samples"] == 12
    assert set(result["layers"]) == {"layer0", "readout"}
    assert "predictions that agree" in succeeds(*command, "--samples", 5).out


def test_profiles() -> None:
    listed = succeeds("profiles", "list", "--json").json
    assert listed["generic-16bit"]["refusal"] is None
    assert "no exponential" in listed["loihi1"]["refusal"]
    assert "refuses" in succeeds("profiles", "list").out
    for name in ("brainscales2", "dynap-se"):
        assert "bit-exact" in listed[name]["refusal"]
    shown = " ".join(succeeds("profiles", "show", "loihi2").out.split())
    assert "no exponential neuron in microcode is published" in shown
    assert "neurons_per_core no limit chosen" in " ".join(
        succeeds("profiles", "show", "generic-8bit").out.split()
    )
    assert "loihi1 resets the membrane to zero" in succeeds("profiles", "show", "loihi1").out
    assert "synapses per chip, at most 120000000" in shown  # a fact, not a limit
    assert "fan_in unknown unverified" in shown
    assert succeeds("profiles", "show", "ecp5-25f", "--json").json["name"] == "ecp5-25f"
    for name in listed:
        assert succeeds("profiles", "show", name).out.startswith(f"{name}: ")
    valid = succeeds("profiles", "check", profile_path("cortex-m4"), "--json").json
    assert valid == {"name": "cortex-m4", "valid": True, "sha256": listed["cortex-m4"]["sha256"]}


def test_run_leaves_everything(work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(override_name("lava-python"), "/nowhere")  # seconds, and `test_verify.py` runs it
    out = tmp_path / "results"
    options = ("--hidden", 4, "--epochs", 1, "--profile", "generic-8bit", "--json")
    outcome = expifref("run", "--dataset", work.data, "--out", out, *options)
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    wanted = {
        "model.safetensors",
        "program.json",
        "network.onnx",
        "step.onnx",
        "deployment.json",
        "report.html",
        "report.json",
        "c",
        "systemverilog",
    }
    assert wanted <= {path.name for path in out.iterdir()}
    assert report["passed"] is True
    assert {"float_accuracy", "program_accuracy", "prediction_agreement", "spike_difference"} <= set(report)
    assert report["saturations"].keys() <= {
        "layer0.rescale",
        "layer0.sum",
        "layer0.membrane",
        "readout.rescale",
        "readout",
    }
    assert report["not_run"] == missing_executors()
    assert {*report["executors"], *report["not_run"]} == set(EXECUTORS)
    for result in report["executors"].values():
        assert result["neuron_steps"] > 0
        assert result["differing_bits"] == 0
    stages = {"train", "quantize", "export", "verify", "compare", "measure", "figure", "explain"}
    assert set(report["seconds"]) == stages
    assert set(report["measured"]) == {"cortex-m4"} - set(missing_measurements())
    assert load_deployment(out / "deployment.json").program == report["program"]


def test_profiles_fit(work: Workspace) -> None:
    found = succeeds("profiles", "fit", work.program, "--json").json["profiles"]
    assert found["generic-16bit"]["fits"] is True
    assert found["xylo-audio3"]["fits"] is False
    shown = succeeds("profiles", "fit", work.program, "--activity", "0.2").out
    assert "estimates at 20% activity" in shown
    assert "xylo-audio3 has no exponential and no refractory" in shown
