"""`expifref train --finetune`: from a trained network to a program trained for its integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expifref.exceptions import ParameterError

from .quantize import lower_network
from .training_run import TrainingRun

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from quantize.jax.finetune import FinetuneResult

__all__ = [
    "DEFAULT_PROFILE",
    "FinetuneModel",
    "FinetuneProfile",
    "FinetuneProgram",
    "Target",
    "finetune_network",
    "refuse_mixed",
]

DEFAULT_PROFILE = "generic-16bit"

FinetuneModel = Annotated[
    Path | None,
    typer.Option("--finetune", help="Train this model (.safetensors) on, for the integers of a profile."),
]
FinetuneProfile = Annotated[
    str | None,
    typer.Option("--profile", help=f"With --finetune: the hardware profile, else {DEFAULT_PROFILE}."),
]
FinetuneProgram = Annotated[
    Path | None,
    typer.Option(
        "--program", help="With --finetune: the program to write, else --out with the suffix .json."
    ),
]


@dataclass(frozen=True)
class Target:
    """What the network is trained for."""

    profile: str
    weight_bits: int | None
    membrane_bits: int | None
    program: Path


def refuse_mixed(model: Path | None, form: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Raise ParameterError for an option of a new network with `--finetune`, or of a target without it."""
    given = form if model is not None else target
    named = [name for name, value in given.items() if value]
    if named and model is not None:
        raise ParameterError(f"`{named[0]}` must not be given with --finetune, which keeps the model's form")
    if named:
        raise ParameterError(f"`{named[0]}` must be given with --finetune MODEL, the network to train for it")


def finetune_network(
    data: LoadedDataset,
    model: Path,
    target: Target,
    asked: TrainingRun,
) -> FinetuneResult:
    """Lower, then train with a progress bar on stderr."""
    from rich.console import Console

    from expifref.network.model_files import read_model
    from expifref.training.progress import ProgressBar
    from hw_profiles import load_profile
    from quantize.jax.finetune import FinetuneSession, finetune, finetune_settings

    if len({path.resolve() for path in (model, asked.out, target.program)}) < 3:
        raise ParameterError(
            f"--finetune, --out and --program must be three files, not {model}, {asked.out} and "
            f"{target.program}"
        )
    chosen, trained = load_profile(target.profile), read_model(model)
    skeleton = lower_network(trained, chosen, data, asked.seed, target.weight_bits, target.membrane_bits)
    settings = asked.settings(finetune_settings(data))
    with ProgressBar(Console(stderr=True)) as bar:
        session = FinetuneSession(asked.out, asked.resume, bar, target.program)
        return finetune(data, trained, skeleton, settings, session=session)
