"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "CALIBRATION_SAMPLES",
    "CalibrationSamples",
    "DataDir",
    "Dataset",
    "Distributed",
    "Json",
    "Limit",
    "MembraneBits",
    "Processes",
    "ProfileName",
    "Rank",
    "Ranks",
    "Report",
    "Seed",
    "Strict",
    "WeightBits",
]

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Dataset = Annotated[
    str,
    typer.Option(
        "--dataset",
        help="digits, fashion-mnist, fashion-mnist-rows, japanese-vowels, basic-motions, shd, n-mnist, or an "
        ".npz: x [samples, inputs], or [samples, steps, channels] over time; integers of 0 and 1 are spikes, "
        "others 0..255 stand for 0..1. See docs/data.md.",
    ),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder with the files of a data set that has a name.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
ProfileName = Annotated[
    str, typer.Option("--profile", help="Hardware profile: a name (`expifref profiles list`) or a JSON file.")
]
Processes = Annotated[
    int, typer.Option("--processes", min=1, help="Share the samples among so many; the result is the same.")
]
CALIBRATION_SAMPLES = 512
CalibrationSamples = Annotated[
    int, typer.Option("--calibration-samples", min=1, help="Training samples to calibrate on, at most.")
]
Distributed = Annotated[
    str | None,
    typer.Option(
        "--distributed",
        envvar="EXPIFREF_DISTRIBUTED",
        metavar="HOST:PORT",
        help="Where the ranks meet; auto: where Slurm or Open MPI says. See docs/scale.md.",
    ),
]
Rank = Annotated[
    int | None, typer.Option("--rank", envvar="EXPIFREF_RANK", min=0, help="Which of the ranks this is.")
]
Ranks = Annotated[
    int | None,
    typer.Option(
        "--ranks",
        envvar="EXPIFREF_RANKS",
        min=1,
        max=512,
        help="How many ranks share the samples; without --distributed they are started here.",
    ),
]
Limit = Annotated[int | None, typer.Option("--samples", min=1, help="Use the first N test samples only.")]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Also write a page to look at, which any browser opens (.html)."),
]
WeightBits = Annotated[int | None, typer.Option("--weight-bits", help="Narrower weights than the profile's.")]
MembraneBits = Annotated[
    int | None, typer.Option("--membrane-bits", help="A narrower membrane than the profile's.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a program that strays too far from the float network.")
]
