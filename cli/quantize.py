"""`expifref quantize`: from a model file to an integer program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DataDir, Dataset, Json, MembraneBits, ProfileName, Seed, WeightBits
from .output import print_json, print_table

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.description import Description
    from hw_profiles import Profile
    from quantize.program import Program


def quantize(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    out: Annotated[Path, typer.Option("--out", help="The program to write (.json).")],
    profile: ProfileName = "generic-16bit",
    weight_bits: WeightBits = None,
    membrane_bits: MembraneBits = None,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Share of calibration values that every range must hold.")
    ] = 0.9999,
    dataset: Dataset = "digits",
    data_dir: DataDir = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Lower a trained network to an integer program for a hardware profile.

    The ranges come from the float network on the first training samples of --dataset.
    """
    from expifref.checkpoint import read_description
    from hw_profiles import load_profile
    from quantize.program_io import save_program

    from .samples import load_dataset

    description = read_description(model)
    chosen = load_profile(profile)
    data = load_dataset(dataset, data_dir, seed)
    program = lower_network(description, chosen, data, seed, weight_bits, membrane_bits, coverage)
    save_program(program, out)
    summary = summarize(program, out)
    if json:
        print_json(summary)
        return
    rows = [[key.replace("_", " "), _cell(value)] for key, value in summary.items() if key != "digest"]
    print_table("Integer program", rows)
    typer.echo(f"digest {summary['digest']}")


def lower_network(
    description: Description,
    profile: Profile,
    data: LoadedDataset,
    seed: int,
    weight_bits: int | None = None,
    membrane_bits: int | None = None,
    coverage: float = 0.9999,
) -> Program:
    """Calibrate on `data` and lower."""
    from quantize.calibration import calibrate
    from quantize.lowering import LoweringOptions, check_arithmetic, lower

    from .samples import Feed, calibration_batches

    options = LoweringOptions(weight_bits, membrane_bits)
    check_arithmetic(profile, options)
    feed = Feed(description.encoder, description.steps, seed)
    batches = calibration_batches(data, description.inputs, feed)
    return lower(description, calibrate(description, batches, coverage), profile, options)


def summarize(program: Program, path: Path) -> dict[str, object]:
    """What a person wants to know about a new program."""
    from hw_profiles import parse_profile
    from quantize.placement import place
    from quantize.program_io import digest
    from quantize.ranges import prove

    profile = parse_profile(program.evidence.profile, "the profile in the program")
    placement = place(program, profile)
    proof = prove(program)
    return {
        "program": str(path),
        "digest": digest(program),
        "profile": profile.name,
        "neurons": sum(layer.width for layer in program.layers),
        "weight_bits": program.layers[0].dense.weight_format.bits,
        "memory_bytes": placement.bytes,
        "cores": placement.cores,
        "intermediate_bits": proof.intermediate_bits,
        "sites_that_may_saturate": [site.site for site in proof.sites if site.can_overflow],
        "notes": list(program.evidence.notes),
    }


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
