"""`expifref run`: the whole path in one command."""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .fidelity import describe_first
from .fidelity import summarize as summarize_comparison
from .guard import guard_network, print_warnings
from .measure import SAMPLES, asked_on, differs
from .options import DataDir, Dataset, Json, MembraneBits, ProfileName, Seed, Strict, WeightBits
from .output import print_json, print_table, print_text, rounded
from .progress import say
from .quantize import lower_network
from .train import (
    EncoderName,
    Epochs,
    Hidden,
    Layers,
    architecture,
    layers_of,
    stop_if_interrupted,
    train_network,
)
from .training_run import TrainingRun
from .verification_report import print_result, summarize

if TYPE_CHECKING:
    from quantize.program.program import Program

    from .inputs import Source

_MODEL, _PROGRAM = "model.safetensors", "program.json"
_FILES = {
    "onnx": "network.onnx",
    "onnx-step": "step.onnx",
    "json": "deployment.json",
    "c": "c",
    "systemverilog": "systemverilog",
}
_DEVICE = "cortex-m4"
"""Whose instructions go into the report, where its tools are installed; `expifref measure` has the others."""


def run(
    dataset: Dataset = "digits",
    profile: ProfileName = "generic-16bit",
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("out"),
    epochs: Epochs = None,
    hidden: Hidden = None,
    layer: Layers = None,
    encoder: EncoderName = None,
    weight_bits: WeightBits = None,
    membrane_bits: MembraneBits = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    strict: Strict = False,
    measure_on: Annotated[
        list[str] | None,
        typer.Option("--measure", help="Measure on this device too, as `measure --on`; may be given again."),
    ] = None,
    json: Json = False,
) -> None:
    """Train, lower, export, verify and compare, and leave every file in --out.

    What was found is in report.json, and to look at in report.html, which any browser opens.
    Exit 1 when any executor differs from the emulator in any bit.
    """
    from expifref.data import load
    from expifref.files.claims import claim
    from expifref.files.writing import make_folder, write_text
    from expifref.network.model_files import read_model
    from exporters.measurements import require_measurement
    from exporters.registry import export_program
    from hw_profiles import load_profile
    from quantize.lowering.lower import LoweringOptions, check_arithmetic
    from quantize.program.file import digest, save_program

    from .comparison import ComparisonJob
    from .figure import draw
    from .inputs import Source
    from .jobs import run_job
    from .report.facts import budget_facts, explained, training_facts
    from .report.page import write_page
    from .report.traces import trace_facts
    from .verification import VerificationJob

    for name in measure_on or ():
        require_measurement(name)
    chosen = load_profile(profile)
    check_arithmetic(chosen, LoweringOptions(weight_bits, membrane_bits))
    data = load(dataset, data_dir, seed=seed)
    source = Source(None, dataset, data_dir, seed)
    make_folder(out)
    with claim(out):
        watch = Stopwatch()
        with watch.stage("train"):
            network = architecture(data, layers_of(hidden, layer), None, None, encoder, None)
            trained = train_network(data, network, TrainingRun(out / _MODEL, seed, epochs))
        stop_if_interrupted(trained)
        model = read_model(out / _MODEL)
        description = model.description
        with watch.stage("quantize"):
            program = lower_network(model, chosen, data, seed, weight_bits, membrane_bits)
            warnings = guard_network(description, program, data, seed, strict)
            save_program(program, out / _PROGRAM)
        with watch.stage("export"):
            for target, name in _FILES.items():
                export_program(program, target, out / name)
        with watch.stage("verify"):
            verification = run_job(VerificationJob(out / _PROGRAM, source))
        with watch.stage("compare"):
            comparison = run_job(ComparisonJob(out / _MODEL, out / _PROGRAM, source))
        with watch.stage("measure"):
            measured = _measured(program, source, measure_on or ())
        with watch.stage("figure"):
            draw(model, program, data, seed, out / "result.png")
        found = summarize_comparison(comparison)
        with watch.stage("explain"):
            inputs = source.inputs(program).decided_by(model.decision)
            told = {
                **explained(program, inputs),
                "budget": budget_facts(description, program, inputs),
                "training": training_facts(trained),
            }
            traces = trace_facts(description, program, inputs, found["first_divergence"])
        report: dict[str, Any] = {
            "schema": "expifref/report/1",
            "dataset": data.name,
            "profile": chosen.name,
            "program": digest(program),
            **found,
            "warnings": warnings,
            **summarize(verification),
            "measured": measured,
            **told,
            "seconds": watch.seconds,
        }
        write_text(out / "report.json", json_module.dumps(report, indent=2) + "\n")
        write_page(out / "report.html", f"{data.name} on {chosen.name}", report, traces)
    if json:
        print_json(report)
    else:
        _print(report, out)
        print_result(verification)
        print_text(describe_first(comparison))
        print_warnings(warnings)
    if not verification.passed or differs(measured):
        raise typer.Exit(1)


def _measured(program: Program, source: Source, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What `_DEVICE`, where its tools are there, and the devices of `names` take."""
    from exporters.fpga import Wish
    from exporters.measurements import measure, missing_measurements

    every = dict.fromkeys([*([] if _DEVICE in missing_measurements() else [_DEVICE]), *names])
    few = replace(source, samples=SAMPLES)
    return {name: measure(program, name, asked_on(name, few, Wish())) for name in every}


@dataclass
class Stopwatch:
    """Wall seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body as stage `name` and, on a terminal, say that it runs."""
        say(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def _print(report: dict[str, Any], out: Path) -> None:
    shares = {
        "accuracy, float network": report["float_accuracy"],
        "accuracy, integer program": report["program_accuracy"],
        "predictions that agree": report["prediction_agreement"],
    }
    errors = [key for key in report if key.endswith(("_rmse", "_nrmse", "_r2"))]
    rows: list[list[object]] = [[key, f"{value:.2%}"] for key, value in shares.items() if value is not None]
    rows += [[key.replace("_", " "), rounded(report[key])] for key in errors]
    rows += [
        [f"{name}: samples a second", found["samples_per_second"]]
        for name, found in report["measured"].items()
        if "samples_per_second" in found
    ]
    rows += [
        ["spikes that differ", f"{report['spike_difference']:.2%} of the float network's"],
        ["saturations", sum(report["saturations"].values())],
        ["seconds", ", ".join(f"{key} {value:.1f}" for key, value in report["seconds"].items())],
        ["files", str(out)],
        ["to look at", str(out / "report.html")],
    ]
    print_table(f"{report['dataset']} on {report['profile']}", rows)
