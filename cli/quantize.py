"""`expifref quantize`: from a model file to an integer program."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .guard import guard_network, print_warnings
from .options import (
    CALIBRATION_SAMPLES,
    CalibrationSamples,
    DataDir,
    Dataset,
    Json,
    MembraneBits,
    ProfileName,
    Seed,
    Strict,
    WeightBits,
)
from .output import print_json, print_line, print_table, progress_bar

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.network.description import Description
    from expifref.network.model_files import ModelFile
    from hw_profiles import Profile
    from quantize.lowering.lower import LoweringOptions
    from quantize.program.program import Program


class Ranges(StrEnum):
    """How ranges are chosen: one of the presets of the calibration, or the one that measures best."""

    MAX = "max"
    PERCENTILE = "percentile"
    MSE = "mse"
    AUTO = "auto"


@dataclass(frozen=True)
class Choice:
    """How to lower, and on what to calibrate."""

    options: LoweringOptions
    ranges: Ranges = Ranges.PERCENTILE
    bias_correction: bool | None = None  # None for off, unless auto finds it better
    coverage: float = 0.9999
    samples: int = CALIBRATION_SAMPLES


def quantize(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    out: Annotated[Path, typer.Option("--out", help="The program to write (.json).")],
    profile: ProfileName = "generic-16bit",
    weight_bits: WeightBits = None,
    membrane_bits: MembraneBits = None,
    drive_bits: Annotated[
        int | None, typer.Option("--drive-bits", help="A narrower drive than the profile's.")
    ] = None,
    table_bits: Annotated[
        int | None, typer.Option("--table-bits", help="Narrower table entries than the profile's.")
    ] = None,
    table_segments: Annotated[
        int | None, typer.Option("--table-segments", help="Fewer table segments than the profile's.")
    ] = None,
    table_error: Annotated[
        float | None, typer.Option("--table-error", help="Take the smallest tables of this error in LSB.")
    ] = None,
    calibration: Annotated[
        Ranges, typer.Option("--calibration", help="How ranges are chosen; auto measures all of them.")
    ] = Ranges.PERCENTILE,
    bias_correction: Annotated[
        bool | None,
        typer.Option(
            "--bias-correction/--no-bias-correction",
            help="Take the mean error of the drive back out of the bias; off unless auto finds it better.",
        ),
    ] = None,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Share of calibration values that every range must hold.")
    ] = 0.9999,
    calibration_samples: CalibrationSamples = CALIBRATION_SAMPLES,
    dataset: Dataset = "digits",
    data_dir: DataDir = None,
    seed: Seed = 0,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Lower a trained network to an integer program for a hardware profile.

    The ranges come from the float network on the first training samples of --dataset. On the same samples
    both are compared: warnings name layers that fall silent, spike at another rate or saturate.
    """
    from expifref.data import load
    from expifref.network.model_files import read_model
    from hw_profiles import load_profile
    from quantize.lowering.lower import LoweringOptions
    from quantize.program.file import save_program

    trained = read_model(model)
    description = trained.description
    chosen = load_profile(profile)
    data = load(dataset, data_dir, seed=seed)
    options = LoweringOptions(
        weight_bits,
        membrane_bits,
        drive_bits,
        table_bits,
        table_segments,
        table_error=table_error,
        decision=trained.decision,
    )
    choice = Choice(options, calibration, bias_correction, coverage, calibration_samples)
    options, program = calibrated(description, chosen, data, seed, choice)
    warnings = guard_network(description, program, data, seed, strict, calibration_samples)
    save_program(program, out)
    summary = summarize(program, out) | _chosen(options)
    if json:
        print_json(summary | {"warnings": warnings})
        return
    rows = [[key.replace("_", " "), _cell(value)] for key, value in summary.items() if key != "digest"]
    print_table("Integer program", rows)
    print_line(f"digest {summary['digest']}")
    print_warnings(warnings)


def lower_network(
    model: ModelFile,
    profile: Profile,
    data: LoadedDataset,
    seed: int,
    weight_bits: int | None = None,
    membrane_bits: int | None = None,
) -> Program:
    """Calibrate on `data` and lower, with the default ranges."""
    from quantize.lowering.lower import LoweringOptions

    options = LoweringOptions(weight_bits, membrane_bits, decision=model.decision)
    return calibrated(model.description, profile, data, seed, Choice(options))[1]


def calibrated(
    description: Description,
    profile: Profile,
    data: LoadedDataset,
    seed: int,
    choice: Choice,
) -> tuple[LoweringOptions, Program]:
    """Calibrate on `data` and lower; with the options that were chosen in the end."""
    from quantize.lowering.calibration import calibrate
    from quantize.lowering.choice import choose
    from quantize.lowering.lower import check_arithmetic, lower
    from quantize.lowering.ranges import PRESETS

    from .samples import calibration_batches

    options = choice.options
    check_arithmetic(profile, options)
    batches = list(calibration_batches(data, description, seed, choice.samples))
    steps = sum(batch.shape[0] * batch.shape[1] for batch in batches)
    with progress_bar("calibrate", steps, "steps of samples") as bar:
        calibration = calibrate(description, batches, choice.coverage, bar)
    if choice.ranges is Ranges.AUTO:
        options = choose(description, calibration, batches, profile, options, choice.bias_correction)
    else:
        corrected = bool(choice.bias_correction)
        options = replace(options, ranges=PRESETS[choice.ranges], bias_correction=corrected)
    with progress_bar("lower", description.weights, "weights") as bar:
        return options, lower(description, calibration, profile, options, bar)


def _chosen(options: LoweringOptions) -> dict[str, object]:
    """The ranges and the correction, for the summary."""
    sites = ", ".join(f"{site} {method}" for site, method in asdict(options.ranges).items())
    return {"ranges": sites, "bias_correction": options.bias_correction}


def summarize(program: Program, path: Path) -> dict[str, object]:
    """What a person wants to know about a new program."""
    from hw_profiles import parse_profile
    from quantize.device.placement import place
    from quantize.graph.proof import proof_of
    from quantize.program.file import digest

    profile = parse_profile(program.evidence.profile, "the profile in the program")
    graph = program.graph
    placement, proof = place(graph, profile), proof_of(graph)
    weights = [feed.connection.weight_format.bits for layer in graph.layers for feed in layer.feeds]
    return {
        "program": str(path),
        "digest": digest(program),
        "profile": profile.name,
        "neurons": sum(layer.units for layer in graph.layers),
        "weight_bits": max(weights, default=0),
        "memory_bytes": placement.bytes,
        "cores": placement.cores,
        "intermediate_bits": proof.intermediate_bits,
        "sites_that_may_saturate": [name for name, proven in proof.results if proven.can_overflow],
        "notes": list(program.evidence.notes),
    }


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
