"""Recurrent networks on values over time: in float, lowered after training, and trained for 4-bit weights.

    python benchmarks/series.py [--dataset NAME] [--data-dir DIR] [--page]

Networks are made by the command line, with the settings that suit each data set there; they were chosen on
training samples that were held out (`series_selection.py`). The test split is the data set's own. An
interrupted run goes on where it was. Writes docs/<name>.json and docs/series.md; --page only the latter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evidence import expifref
from series_page import page

from cli.samples import Feed, encoded_samples
from expifref.data import Samples, load
from expifref.files.writing import write_text
from expifref.network.model_files import read_model
from quantize.jax import JaxExecutor
from quantize.program.file import load_program
from quantize.program.program import Program

DOCS = Path(__file__).parent.parent / "docs"
WORK = DOCS.parent / "out" / "series"
PROFILE = "generic-16bit"
SEVERAL = ("jax", "native", "onnxruntime", "c-host")
"""Executors that run the networks of all seeds; those of seed 0 are run by every one that is there."""


@dataclass(frozen=True)
class Task:
    """A data set, and what is made of each network that is trained on it."""

    seeds: int
    lowered_bits: tuple[int, ...]
    trained_bits: tuple[int, ...] = ()
    verified_samples: int | None = None  # test samples that executors are given; None: all


TASKS = {
    "japanese-vowels": Task(seeds=5, lowered_bits=(8,), trained_bits=(4,)),
    "fashion-mnist-rows": Task(seeds=1, lowered_bits=(8,), verified_samples=1000),
}


@dataclass(frozen=True)
class Trained:
    """One network: its files, its test samples, the options that name its data and what is verified."""

    stem: str
    seed: int
    test: Samples
    data: tuple[str, ...]
    verified: tuple[str, ...]

    @property
    def model(self) -> Path:
        """The float network."""
        return WORK / f"{self.stem}.safetensors"


def document(dataset: str, data_dir: Path | None) -> dict[str, Any]:
    """Train and lower for every seed."""
    task = TASKS[dataset]
    test = load(dataset, data_dir).test
    folder = () if data_dir is None else ("--data-dir", str(data_dir))
    networks = [_network(dataset, seed, test, folder) for seed in range(task.seeds)]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("expifref", "numpy", "jax")},
        "profile": PROFILE,
        "seeds": [on_seed(network, task) for network in networks],
    }


def _network(dataset: str, seed: int, test: Samples, folder: tuple[str, ...]) -> Trained:
    most = TASKS[dataset].verified_samples
    # All executors that are there for the first seed, the fast ones for the others.
    executors = [part for name in (() if seed == 0 else SEVERAL) for part in ("--executor", name)]
    samples = () if most is None else ("--samples", str(most))
    data = ("--dataset", dataset, "--seed", str(seed), *folder)
    return Trained(f"{dataset}-s{seed}", seed, test, data, (*data, *executors, *samples))


def on_seed(network: Trained, task: Task) -> dict[str, Any]:
    """What one seed reaches in each form."""
    training = kept(network.stem, "train", *network.data, "--out", network.model)
    forms = [lowered(network, bits) for bits in task.lowered_bits]
    forms += [finetuned(network, bits) for bits in task.trained_bits]
    return {
        "seed": network.seed,
        "epochs": training["epochs"],
        "float_accuracy": training["test_accuracy"],
        "firing_rate_hz": training["test_firing_rate_hz"],
        "forms": forms,
    }


def lowered(network: Trained, bits: int) -> dict[str, Any]:
    """The network after post-training quantization."""
    program = WORK / f"{network.stem}-w{bits}.json"
    chosen = ("--profile", PROFILE, "--weight-bits", bits)
    made = kept(program.stem, "quantize", network.model, "--out", program, *network.data, *chosen)
    found = measured(network, network.model, program)
    return {"form": "lowered", "weight_bits": bits, "program": made["digest"], **found}


def finetuned(network: Trained, bits: int) -> dict[str, Any]:
    """The network after training with its integers as the forward pass."""
    model = WORK / f"{network.stem}-t{bits}.safetensors"
    chosen = ("--finetune", network.model, "--profile", PROFILE, "--weight-bits", bits)
    kept(model.stem, "train", "--out", model, *network.data, *chosen)
    found = measured(network, model, model.with_suffix(".json"))
    return {"form": "trained", "weight_bits": bits, **found}


def measured(network: Trained, model: Path, program: Path) -> dict[str, Any]:
    """Accuracy on all test samples, and the bits in which executors differ on them."""
    verified = kept(f"{program.stem}-verified", "verify", program, *network.verified)
    return {
        "accuracy": accuracy(load_program(program), network.test, network.seed, read_model(model).decision),
        "executors": {
            name: {key: entry[key] for key in ("samples", "values", "differing_bits")}
            for name, entry in verified["executors"].items()
        },
        "not_run": {**verified["not_run"], **verified["refused"]},
    }


def accuracy(program: Program, samples: Samples, seed: int, rule: str) -> float:
    """The share of `samples` for which the integers decide rightly."""
    graph, right = program.graph, 0
    executor = JaxExecutor(graph)
    for batch in encoded_samples(samples, Feed(program.encoder, program.steps, seed, rule)):
        run = executor.run(batch.spikes, signals=[graph.output_signal])
        classes = batch.decision.classes(run.signals[graph.output_signal])
        right += int((classes == batch.labels).sum())
    return right / len(samples)


def kept(name: str, *arguments: object) -> dict[str, Any]:
    """What a command printed in an earlier run that was interrupted, or prints now."""
    path = WORK / f"{name}.result"
    if path.exists():
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return result
    print(*arguments, file=sys.stderr, flush=True)
    result = expifref(*arguments)
    write_text(path, json.dumps(result))
    return result


def means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The mean accuracy over the seeds, by form."""
    means = {"float": statistics.mean(row["float_accuracy"] for row in rows)}
    for index, form in enumerate(rows[0]["forms"]):
        name = f"{form['weight_bits']} bits, {form['form']}"
        means[name] = statistics.mean(row["forms"][index]["accuracy"] for row in rows)
    return means


def result_file(dataset: str) -> Path:
    """Where the numbers of a data set are."""
    return DOCS / f"{dataset.replace('-', '_')}.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """One data set, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TASKS, action="append")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--page", action="store_true")
    chosen = parser.parse_args(arguments)
    for dataset in () if chosen.page else chosen.dataset or TASKS:
        WORK.mkdir(parents=True, exist_ok=True)
        found = document(dataset, chosen.data_dir)
        found["mean_accuracy"] = means(found["seeds"])
        write_text(result_file(dataset), json.dumps(found, indent=1) + "\n")
        for path in WORK.glob(f"{dataset}-s*"):
            path.unlink()
    results = {name: path for name in TASKS if (path := result_file(name)).exists()}
    selections = _read(DOCS / "series_selection.json")
    write_text(DOCS / "series.md", page({name: _read(path) for name, path in results.items()}, selections))


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


if __name__ == "__main__":
    main()
