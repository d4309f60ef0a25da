"""How a comparison, an error budget and one-step errors are printed, as tables or as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .output import print_table, print_text, rounded

if TYPE_CHECKING:
    from expifref.network.scores import Score
    from quantize.fidelity import Budget, Comparison, SiteError
    from quantize.fidelity.comparison import LayerComparison

__all__ = [
    "describe_divergence",
    "describe_first",
    "print_budget",
    "print_one_step",
    "print_result",
    "summarize",
    "summarize_budget",
    "summarize_one_step",
]

_PRINTED = (
    "float_rate_hz",
    "program_rate_hz",
    "differing_spikes",
    "matched_within_1_step",
    "matched_within_2_ms",
    "mean_shift_ms",
    "worst_shift_ms",
    "membrane_rmse_mv",
    "silenced_neurons",
    "awakened_neurons",
    "readout_rmse",
)
"""The measures of a layer that the table shows; --json has all."""


def summarize(result: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values."""
    predicted, labelled = result.predicted, result.labelled
    first = result.first
    summary: dict[str, Any] = {
        "samples": result.samples,
        "float_accuracy": _accuracy(result.float_score, labelled),
        "program_accuracy": _accuracy(result.integer_score, labelled and predicted),
        "prediction_agreement": result.agreement if predicted and result.answers else None,
        **_errors("float", result.float_score),
        **_errors("program", result.integer_score),
        "spike_difference": result.spike_difference,
        "layers": {layer.name: _layer(layer, result.dt) for layer in result.layers},
        "first_divergence": None if first is None else asdict(first),
        "saturations": result.saturations,
    }
    if result.differing_values is not None:
        summary["values_that_differ_from_the_program"] = result.differing_values
    return summary


def _accuracy(score: Score, known: bool) -> float | None:
    return score.quality if known and score.errors is None else None


def _errors(prefix: str, score: Score) -> dict[str, float]:
    """The errors of real answers in the unit of the target; none of classes."""
    return {} if score.errors is None else score.errors.told(prefix)


def print_result(result: Comparison) -> None:
    """The comparison as a short table and the first divergence as a sentence."""
    summary = summarize(result)
    shares = {
        "accuracy, float": summary["float_accuracy"],
        "accuracy, program": summary["program_accuracy"],
        "predictions that agree": summary["prediction_agreement"],
    }
    rows: list[list[object]] = [[key, f"{value:.2%}"] for key, value in shares.items() if value is not None]
    for prefix, score in (("float", result.float_score), ("program", result.integer_score)):
        rows += [[key.replace("_", " "), rounded(value)] for key, value in _errors(prefix, score).items()]
    for name, layer in summary["layers"].items():
        shown = {key: layer[key] for key in _PRINTED if key in layer}
        rows += [[f"{name}: {key.replace('_', ' ')}", rounded(value)] for key, value in shown.items()]
    if result.differing_values is None:
        saturated = ", ".join(f"{site} {count:,}" for site, count in result.saturations.items())
        rows.append(["saturations", saturated or "none"])
    else:
        rows.append(["values that differ from the program's", f"{result.differing_values:,}"])
    print_table(f"Float against integers, {result.samples:,} samples", rows)
    print_text(describe_first(result))


def describe_first(result: Comparison) -> str:
    """Where the two first part and why, in a few sentences."""
    first = None if result.first is None else asdict(result.first)
    said = describe_divergence(first)
    if first is not None and first["attribution"] is None and result.differing_values:
        said += " These are not the program's values, so none of its causes explains them."
    return said


def describe_divergence(first: Mapping[str, Any] | None) -> str:
    """The same of the `first_divergence` of a summary."""
    if first is None:
        return "No spike differs."
    who = "the float network" if first["float_value"] else "the program"
    where = f"step {first['step']}, {first['layer']}, sample {first['sample']}, neuron {first['neuron']}"
    membranes = ""
    real, integer = first["float_membrane"], first["integer_membrane"]
    if real is not None and integer is not None:
        membranes = f" (membrane {real:.3f} mV in float, {integer:.3f} mV in integers)"
    sentences = [f"They first part at {where}: only {who} spikes{membranes}."]
    if first["attribution"] is not None:
        sentences += _why(first["attribution"])
    return " ".join(sentences)


def _why(found: Mapping[str, Any]) -> list[str]:
    sentences: list[str] = []
    part = found["departure"]
    if part is not None:
        sentences.append(
            f"Its {part['signal'].rpartition('.')[2]} leaves the float course in step {part['step']} "
            f"({part['float_value']:.1f} LSB in float, {part['integer_value']} in integers)."
        )
    names = ", ".join(found["removed_by"])
    if found["cause"] is not None:
        only = "and only then" if len(found["removed_by"]) == 1 else "and it alone would part them too"
        sentences.append(f"The cause is {found['cause']}: without it they agree there, {only}.")
    elif found["removed_by"]:
        sentences.append(f"No single cause: they agree there without any one of {names}.")
        sentences.append(f"The largest share is {found['largest']}.")
    else:
        alone = f" ({', '.join(found['made_by'])} would part them alone)" if found["made_by"] else ""
        sentences.append(f"No single cause makes it go away{alone}. The largest share is {found['largest']}.")
    return sentences


def _layer(layer: LayerComparison, dt: float) -> dict[str, float | int]:
    spikes, neurons = layer.spikes, layer.neurons
    if spikes is None or neurons is None:
        return {"readout_rmse": layer.rmse, "readout_nrmse": layer.nrmse}
    both = spikes.float_spikes + spikes.integer_spikes
    seconds = spikes.cells * dt
    trains = layer.distances.trains
    return {
        "float_rate_hz": spikes.float_spikes / seconds,
        "program_rate_hz": spikes.integer_spikes / seconds,
        "differing_spikes": spikes.differing_cells,
        "matched_within_1_step": spikes.within_step / both if both else 1.0,
        "matched_within_2_ms": spikes.within_window / both if both else 1.0,
        "mean_shift_ms": dt * 1e3 * spikes.shift_sum / spikes.within_window if spikes.within_window else 0.0,
        "worst_shift_ms": dt * 1e3 * spikes.worst_shift,
        "victor_purpura": layer.distances.victor_purpura / trains if trains else 0.0,
        "van_rossum": layer.distances.van_rossum / trains if trains else 0.0,
        "trains_measured": trains,
        "membrane_rmse_mv": layer.rmse,
        "membrane_nrmse": layer.nrmse,
        "float_silent_neurons": neurons.silent[0],
        "program_silent_neurons": neurons.silent[1],
        "silenced_neurons": layer.silenced,
        "awakened_neurons": layer.awakened,
        "float_saturated_neurons": neurons.saturated[0],
        "program_saturated_neurons": neurons.saturated[1],
    }


def summarize_budget(budget: Budget) -> dict[str, Any]:
    """The error budget as plain JSON values."""
    return {
        "samples": budget.whole.samples,
        "whole": _cost(budget.whole),
        "causes": {
            share.cause.value: {"alone": _cost(share.alone), "without": _cost(share.without)}
            for share in budget.shares
        },
        "largest": budget.largest,
    }


def print_budget(budget: Budget) -> None:
    """The error budget as a table and one sentence."""
    rows: list[list[object]] = [["the program", *_cells(budget.whole), "", "", ""]]
    rows += [[share.cause.value, *_cells(share.alone), *_cells(share.without)] for share in budget.shares]
    headers = ("cause", "alone: spikes", "agree", "mV", "without: spikes", "agree", "mV")
    print_table(f"Error budget, {budget.whole.samples:,} samples", rows, headers)
    share = "No single cause stands out."
    if budget.largest is not None:
        share = f"The largest share of the spikes that differ is due to {budget.largest}."
    print_text(f"{share} (spikes: those that differ; agree: predictions; mV: membrane RMSE)")


def _cost(result: Comparison) -> dict[str, float]:
    return {
        "spike_difference": result.spike_difference,
        "prediction_agreement": result.agreement,
        "membrane_rmse_mv": result.membrane_rmse,
    }


def _cells(result: Comparison) -> list[str]:
    return [f"{result.spike_difference:.2%}", f"{result.agreement:.2%}", f"{result.membrane_rmse:.3f}"]


def summarize_one_step(errors: Mapping[str, SiteError]) -> dict[str, dict[str, float]]:
    """Teacher-forced errors as plain JSON values, in LSB of each site."""
    return {
        site: {"mean": error.mean, "rms": error.rms, "largest": error.largest}
        for site, error in errors.items()
    }


def print_one_step(errors: Mapping[str, SiteError]) -> None:
    """Teacher-forced errors as a table."""
    summary = summarize_one_step(errors).items()
    rows = [[site, *(f"{value:.3g}" for value in part.values())] for site, part in summary]
    print_table("Errors of one step, in LSB", rows, ("site", "mean", "RMS", "largest"))
