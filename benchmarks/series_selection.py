"""Which settings suit a data set over time, by training samples that are held out. From the project's root:

    python benchmarks/series_selection.py [--dataset NAME] [--data-dir DIR]

The test samples are not looked at. Each candidate differs from the first one in what it names, and is trained
and judged on the same splits. Writes docs/series_selection.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from expifref.data import Dataset, load
from expifref.data.dataset import stratified_split
from expifref.files.writing import write_text
from expifref.network.hidden_layers import parse_layer
from expifref.training.settings import TrainingSettings, default_architecture
from expifref.training.train import train

RESULT = Path(__file__).parent.parent / "docs" / "series_selection.json"


@dataclass(frozen=True)
class Candidate:
    """What can be chosen."""

    layer: str
    encoder: str
    decision: str
    epochs: int
    batch_size: int
    learning_rate: float = 1e-2


@dataclass(frozen=True)
class Selection:
    """How candidates of a data set are compared."""

    held_out_share: float
    splits: int
    samples: int | None  # training samples that are used of those left; None: all
    base: Candidate
    changes: tuple[dict[str, Any], ...]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All, the one that the others differ from first."""
        return self.base, *(replace(self.base, **change) for change in self.changes)


SELECTIONS = {
    "japanese-vowels": Selection(
        held_out_share=0.2,
        splits=3,
        samples=None,
        base=Candidate("recurrent:128", "population", "maximum", 30, 32),
        changes=(
            {"decision": "sum"},
            {"decision": "last"},
            {"encoder": "current"},
            {"encoder": "level"},
            {"epochs": 60},
            {"layer": "recurrent:256"},
            {"layer": "recurrent:128,tau=20ms"},
            {"learning_rate": 5e-3},
            {"epochs": 60, "decision": "last"},
            {"epochs": 120},
        ),
    ),
    "fashion-mnist-rows": Selection(
        held_out_share=0.1,
        splits=1,
        samples=15_000,
        base=Candidate("recurrent:256", "current", "sum", 3, 256),
        changes=(
            {"decision": "last"},
            {"decision": "last", "batch_size": 128},
        ),
    ),
}


def splits(data: Dataset, selection: Selection) -> Iterator[Dataset]:
    """The training samples, parted into those to learn from and those held out."""
    for number in range(selection.splits):
        used, held_out = stratified_split(data.train.labels, selection.held_out_share, number)
        order = np.random.default_rng(0).permutation(len(used))
        used = used if selection.samples is None else used[order[: selection.samples]]
        yield replace(data, train=data.train[used], test=data.train[held_out])


def judged(candidate: Candidate, data: Dataset, seed: int) -> tuple[float, float]:
    """Accuracy on the samples held out, and the loss at the end of training."""
    architecture = default_architecture(data, candidate.encoder)
    architecture = replace(architecture, hidden=(parse_layer(candidate.layer),))
    settings = TrainingSettings(
        candidate.epochs,
        candidate.batch_size,
        candidate.learning_rate,
        seed=seed,
        decision=candidate.decision,
    )
    result = train(data, architecture, settings)
    return result.test.accuracy, result.history[-1].loss


def row(candidate: Candidate, base: Candidate, parts: Sequence[Dataset]) -> dict[str, Any]:
    """One candidate: what it changes, and what it reaches."""
    found = [judged(candidate, part, seed) for seed, part in enumerate(parts)]
    changed = {name: value for name, value in vars(candidate).items() if value != getattr(base, name)}
    return {
        "changed": changed,
        "held_out_accuracy": statistics.mean(accuracy for accuracy, _ in found),
        "of_each_split": [accuracy for accuracy, _ in found],
        "training_loss": statistics.mean(loss for _, loss in found),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare all candidates of one data set, or of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", choices=SELECTIONS, action="append")
    parser.add_argument("--data-dir", type=Path)
    chosen = parser.parse_args(arguments)
    document = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name in chosen.dataset or SELECTIONS:
        selection = SELECTIONS[name]
        parts = list(splits(load(name, chosen.data_dir), selection))
        rows = []
        for candidate in selection.candidates:
            rows.append(row(candidate, selection.base, parts))
            print(name, json.dumps(rows[-1]), flush=True)
        document[name] = {
            "held_out_share": selection.held_out_share,
            "splits": selection.splits,
            "samples": len(parts[0].train),
            "held_out": len(parts[0].test),
            "base": vars(selection.base),
            "candidates": rows,
        }
        write_text(RESULT, json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
