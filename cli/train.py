"""`expifref train`: from a data set to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .finetune import (
    DEFAULT_PROFILE,
    FinetuneModel,
    FinetuneProfile,
    FinetuneProgram,
    Target,
    finetune_network,
    refuse_mixed,
)
from .options import DataDir, Dataset, Json, MembraneBits, Seed, WeightBits
from .output import INTERRUPTED, print_json, print_table, rounded
from .training_run import TrainingRun

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.network.architecture import Architecture
    from expifref.network.hidden_layers import AnyLayer
    from expifref.training.train import TrainingResult
    from quantize.jax.finetune import FinetuneResult

Hidden = Annotated[
    list[int] | None,
    typer.Option("--hidden", min=1, help="Width of a dense hidden layer; give it once per layer."),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        help="A hidden layer, once per layer: dense:128, recurrent:64,tau=20ms,delay=2, conv:16x5, pool:2.",
    ),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the training samples.")]
Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Time steps per sample; of values over time a multiple.")
]
Dt = Annotated[float | None, typer.Option("--dt", help="Time step in ms.")]
EncoderName = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="rate, latency or current; over time rate, current, signed, signed-current, spikes, delta, "
        "level or population.",
    ),
]
TauSynapse = Annotated[
    float | None, typer.Option("--tau-synapse", help="Time constant of exponential synapses in ms.")
]


def train(
    out: Annotated[Path, typer.Option("--out", help="The model file to write (.safetensors).")],
    dataset: Dataset = "digits",
    hidden: Hidden = None,
    layer: Layers = None,
    epochs: Epochs = None,
    steps: Steps = None,
    dt: Dt = None,
    encoder: EncoderName = None,
    tau_synapse: TauSynapse = None,
    decision: Annotated[
        str | None,
        typer.Option(
            "--decision",
            help="By the output over the steps: sum, last or maximum; per-step for labels of every step, "
            "none for real targets of every step; else what suits the data.",
        ),
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="cross-entropy, or mse, which real targets always take.")
    ] = None,
    seed: Seed = 0,
    target_accuracy: Annotated[
        float | None, typer.Option("--target-accuracy", help="Stop at this share of held-out samples.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", help="Stop after so many epochs without a better one.")
    ] = None,
    finetune: FinetuneModel = None,
    profile: FinetuneProfile = None,
    weight_bits: WeightBits = None,
    membrane_bits: MembraneBits = None,
    program: FinetuneProgram = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train a network with surrogate gradients and write it as a model file.

    With --finetune MODEL the network is not a new one: MODEL is lowered for --profile and trained on with its
    integer program as the forward pass. Written are the program, and the float network that has its weights.

    Ctrl-C keeps the last complete epoch; --resume goes on from there, with a warning where versions or the
    instruction set are others. In the same environment the same seed gives the same bytes (docs/training.md).
    """
    from expifref.data import load
    from expifref.files.claims import claim
    from expifref.files.writing import require_writable
    from expifref.training.resume_file import read_resume, resume_path

    form = {
        "--hidden": hidden,
        "--layer": layer,
        "--steps": steps,
        "--dt": dt,
        "--encoder": encoder,
        "--tau-synapse": tau_synapse,
        "--decision": decision,
        "--loss": loss,
    }
    target = {
        "--profile": profile,
        "--weight-bits": weight_bits,
        "--membrane-bits": membrane_bits,
        "--program": program,
    }
    refuse_mixed(finetune, form, target)
    data = load(dataset, data_dir, seed=seed)
    stops = {"target_accuracy": target_accuracy, "patience": patience}
    hidden_layers = layers_of(hidden, layer)
    require_writable(out)
    summary: dict[str, Any] = {"model": str(out)}
    result: TrainingResult | FinetuneResult
    extra: dict[str, float] = {}
    with claim(out):
        if resume:
            read_resume(resume_path(out))  # before the training stack is loaded, which takes seconds
        if finetune is None:
            chosen = architecture(data, hidden_layers, steps, dt, encoder, tau_synapse)
            told = {"decision": decision, "loss": loss}
            options = stops | {key: value for key, value in told.items() if value is not None}
            result = train_network(data, chosen, TrainingRun(out, seed, epochs, resume, options))
        else:
            beside = out.with_suffix(".json") if program is None else program
            wanted = Target(profile or DEFAULT_PROFILE, weight_bits, membrane_bits, beside)
            asked = TrainingRun(out, seed, epochs, resume, stops)
            tuned = finetune_network(data, finetune, wanted, asked)
            summary["program"] = str(beside)
            result, extra = (
                tuned,
                {f"{key}_before": value for key, value in tuned.before.told("test").items()},
            )
    summary |= {"stopped": result.stopped, **result.metrics, **extra}
    if json:
        print_json(summary)
    else:
        print_table("Training", [[key.replace("_", " "), rounded(value)] for key, value in summary.items()])
    stop_if_interrupted(result)


def stop_if_interrupted(result: TrainingResult | FinetuneResult) -> None:
    """Exit as interrupted, so that no later step goes on with half a training."""
    if result.stopped == "interrupted":
        raise typer.Exit(INTERRUPTED)


def layers_of(hidden: list[int] | None, layers: list[str] | None) -> tuple[int | AnyLayer, ...]:
    """The hidden layers that were asked for, in either way; raises ParameterError for both at once."""
    from expifref.exceptions import ParameterError
    from expifref.network.hidden_layers import parse_layer

    if hidden and layers:
        raise ParameterError(
            "`--hidden` must be left out where `--layer` is given: --layer dense:N is the same"
        )
    return tuple(parse_layer(text) for text in layers) if layers else tuple(hidden or ())


def architecture(
    data: LoadedDataset,
    hidden: tuple[int | AnyLayer, ...],
    steps: int | None,
    dt: float | None,
    encoder: str | None,
    tau_synapse: float | None,
) -> Architecture:
    """The data set's own architecture with what the user chose otherwise."""
    from dataclasses import replace

    from expifref.training.settings import default_architecture

    base = default_architecture(data, encoder, steps)
    wanted: dict[str, Any] = {"hidden": hidden or None, "dt": dt, "tau_synapse": tau_synapse}
    return replace(base, **{key: value for key, value in wanted.items() if value is not None})


def train_network(data: LoadedDataset, chosen: Architecture, asked: TrainingRun) -> TrainingResult:
    """Train with a progress bar on stderr."""
    from rich.console import Console

    from expifref.training.progress import ProgressBar
    from expifref.training.session import Session
    from expifref.training.settings import default_settings
    from expifref.training.train import train as run_training

    settings = asked.settings(default_settings(data))
    with ProgressBar(Console(stderr=True)) as bar:
        return run_training(data, chosen, settings, session=Session(asked.out, asked.resume, bar))
