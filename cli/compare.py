"""`expifref compare`: what the integers cost against the float network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Dataset, Json, Limit, Seed
from .output import print_json, print_table, print_text, progress_bar, rounded

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.description import Description
    from quantize.comparison import Comparison, LayerComparison
    from quantize.program import Program


def compare(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    program: Annotated[Path, typer.Argument(help="A program made from it (.json).")],
    dataset: Dataset = "digits",
    samples: Limit = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Run the float network and its program side by side and say how far apart they are."""
    from expifref.checkpoint import read_description
    from expifref.description import description_digest
    from expifref.exceptions import ParameterError
    from quantize.program_io import load_program

    from .samples import load_dataset

    description, lowered = read_description(model), load_program(program)
    if lowered.evidence.model_sha256 != description_digest(description):
        raise ParameterError(
            f"`{program}` must be made from `{model}`, but was made from another model: quantize this one"
        )
    data = load_dataset(dataset, data_dir, seed)
    result = compare_networks(description, lowered, data, samples, seed)
    if json:
        print_json(summarize(description, result))
        return
    print_result(description, result)


def compare_networks(
    description: Description, program: Program, data: LoadedDataset, samples: int | None, seed: int
) -> Comparison:
    """Compare on the test samples of `data`, with a progress bar."""
    from quantize.comparison import compare as run_comparison

    from .samples import Feed, test_batches

    feed = Feed(description.encoder, description.steps, seed)
    total = min(samples or len(data.test_images), len(data.test_images))
    with progress_bar("compare", total) as bar:

        def batches() -> Any:
            for spikes, labels in test_batches(data, description.inputs, feed, samples):
                yield spikes, labels
                bar(len(labels))

        return run_comparison(description, program, batches())


def summarize(description: Description, result: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values."""
    first = result.first
    return {
        "samples": result.samples,
        "float_accuracy": result.float_correct / result.samples,
        "program_accuracy": result.integer_correct / result.samples,
        "prediction_agreement": result.agreeing / result.samples,
        "spike_difference": result.spike_difference,
        "layers": {layer.name: _layer(layer, description) for layer in result.layers},
        "first_divergence": None if first is None else vars(first),
        "saturations": result.saturations,
    }


def print_result(description: Description, result: Comparison) -> None:
    """The comparison as a short table and the first divergence as a sentence."""
    summary = summarize(description, result)
    rows: list[list[object]] = [
        ["accuracy, float", f"{summary['float_accuracy']:.2%}"],
        ["accuracy, program", f"{summary['program_accuracy']:.2%}"],
        ["predictions that agree", f"{summary['prediction_agreement']:.2%}"],
    ]
    for name, layer in summary["layers"].items():
        rows += [[f"{name}: {key.replace('_', ' ')}", rounded(value)] for key, value in layer.items()]
    saturated = ", ".join(f"{site} {count:,}" for site, count in result.saturations.items())
    rows.append(["saturations", saturated or "none"])
    print_table(f"Float against integers, {result.samples:,} samples", rows)
    print_text(describe_first(result))


def describe_first(result: Comparison) -> str:
    """Where the two first part, as a sentence."""
    first = result.first
    if first is None:
        return "No spike differs."
    who = "the float network" if first.float_spike else "the program"
    return (
        f"They first part at sample {first.sample}, step {first.step}, {first.layer}, neuron {first.neuron}: "
        f"only {who} spikes (membrane {first.float_membrane:.3f} mV in float, "
        f"{first.integer_membrane:.3f} mV as the integer {first.membrane_code})."
    )


def _layer(layer: LayerComparison, description: Description) -> dict[str, float | int]:
    spikes = layer.spikes
    if spikes is None:
        return {"readout_rmse": layer.rmse}
    both = spikes.float_spikes + spikes.integer_spikes
    seconds = spikes.cells * description.dt
    dt_ms = description.dt * 1e3
    return {
        "float_rate_hz": spikes.float_spikes / seconds,
        "program_rate_hz": spikes.integer_spikes / seconds,
        "differing_spikes": spikes.differing_cells,
        "matched_within_1_step": spikes.within_step / both if both else 1.0,
        "matched_within_2_ms": spikes.within_window / both if both else 1.0,
        "mean_shift_ms": dt_ms * spikes.shift_sum / spikes.within_window if spikes.within_window else 0.0,
        "worst_shift_ms": dt_ms * spikes.worst_shift,
        "membrane_rmse_mv": layer.rmse,
        "silenced_neurons": layer.silenced,
        "awakened_neurons": layer.awakened,
    }
