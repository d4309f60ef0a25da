"""docs/series.md from the numbers of `series.py` and `series_selection.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["page"]

Document = Mapping[str, Any]

_HEAD = """# Series

Recurrent `ExpIFRef` networks on values over time, on each data set's own split. `benchmarks/series.py`
(`make series`) makes them by the command line with its defaults: `expifref train --dataset NAME --seed N`,
then `quantize --weight-bits B` (*lowered*) or `train --finetune --weight-bits B` (*trained*). Accuracies are
those on all test samples. The settings were compared on training samples that were held out
([below](#settings)). What was not compared there: the minibatches of Japanese Vowels, which an earlier
version chose by the test accuracy of seeds 0 and 1 (as it did its rule and epochs, to which the comparison
came again), and width and epochs by rows. *Differing bits* are summed over the executors named,
over all signals of all steps of as many test samples as stand in brackets, and over probes
(`expifref verify`).
"""


def page(results: Mapping[str, Document], selections: Mapping[str, Document]) -> str:
    """The numbers of all data sets as Markdown."""
    lines = [_HEAD]
    for name, document in results.items():
        lines += [*_data_set(name, document), ""]
    lines += ["## Settings", ""]
    for name, selection in selections.items():
        lines += [*_selection(name, selection), ""]
    return "\n".join(lines).rstrip() + "\n"


def _data_set(name: str, document: Document) -> Iterator[str]:
    rows = document["seeds"]
    forms = list(document["mean_accuracy"])
    versions = ", ".join(f"{what} {number}" for what, number in document["versions"].items())
    yield f"## {name}"
    yield ""
    epochs = f"{rows[0]['epochs']:.0f} epochs"
    yield f"On {document['date']}, {versions}, profile `{document['profile']}`, {epochs}."
    yield ""
    yield f"| seed | {' | '.join(forms)} | firing rate |"
    yield "|---" * (len(forms) + 2) + "|"
    for row in rows:
        accuracies = [row["float_accuracy"], *(form["accuracy"] for form in row["forms"])]
        yield f"| {row['seed']} | {_percent(accuracies)} | {row['firing_rate_hz']:.0f} Hz |"
    yield f"| mean | {_percent(document['mean_accuracy'].values())} | |"
    yield ""
    yield from _verified(rows)


def _verified(rows: list[Document]) -> Iterator[str]:
    yield "| seeds | executors (test samples) | values compared | differing bits |"
    yield "|---|---|---|---|"
    sizes = {
        row["seed"]: tuple((name, one["samples"]) for name, one in row["forms"][0]["executors"].items())
        for row in rows
    }
    for names in filter(None, dict.fromkeys(sizes.values())):
        seeds = [seed for seed, own in sizes.items() if own == names]
        runs = [
            entry
            for row in rows
            if row["seed"] in seeds
            for form in row["forms"]
            for entry in form["executors"].values()
        ]
        shown = ", ".join(f"{name} ({samples:,})" for name, samples in names)
        values, bits = (sum(run[key] for run in runs) for key in ("values", "differing_bits"))
        yield f"| {', '.join(map(str, seeds))} | {shown} | {values:,} | {bits} |"


def _selection(name: str, selection: Document) -> Iterator[str]:
    base = ", ".join(f"{key} {value}" for key, value in selection["base"].items())
    used, held_out = (f"{selection[key]:,}" for key in ("samples", "held_out"))
    yield (
        f"**{name}**: {used} training samples to learn from and {held_out} held out, such splits: "
        f"{selection['splits']}; the mean accuracy on what was held out. Unless changed: {base}."
    )
    yield ""
    yield "| changed | held out | training loss |"
    yield "|---|---|---|"
    for row in selection["candidates"]:
        changed = ", ".join(f"{key} {value}" for key, value in row["changed"].items()) or "nothing"
        yield f"| {changed} | {row['held_out_accuracy']:.2%} | {row['training_loss']:.3f} |"


def _percent(shares: Any) -> str:
    return " | ".join(f"{share:.2%}" for share in shares)
