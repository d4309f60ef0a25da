"""Accuracy of float networks and their programs over word sizes and seeds (docs/results.md).

    python benchmarks/results.py

Every network is trained by `expifref train`, lowered as `expifref quantize --calibration mse
--bias-correction` does, and finetuned by `expifref train --finetune`, from the seeds and sizes in
results_config.json. Whatever was done before is kept in out/results/, so that an interrupted run goes on
where it was. With --page it only writes the page of what is there.
"""

from __future__ import annotations

import datetime
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cli.quantize import Choice, Ranges, calibrated
from cli.samples import Feed, encoded_samples
from expifref.data import Dataset, load
from expifref.exceptions import RangeError
from expifref.network.description import Description
from expifref.network.model_files import read_description
from hw_profiles import load_profile, parse_profile
from quantize.device.placement import place
from quantize.jax import JaxExecutor
from quantize.lowering.lower import LoweringOptions
from quantize.program.file import digest, load_program
from quantize.program.program import Program

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
_WORK = _ROOT / "out" / "results"
_COMMAND = Path(sys.executable).with_name("expifref")

Row = dict[str, Any]

_FORMS = ("lowered", "finetuned")


def main() -> None:
    """Run what is missing, then write docs/results.json and docs/results.md."""
    config = json.loads((_HERE / "results_config.json").read_text(encoding="utf-8"))
    _WORK.mkdir(parents=True, exist_ok=True)
    if "--page" in sys.argv[1:]:
        rows = _rows_there(config)
        _write(config, rows)
        return
    pairs = [(network, seed) for network in config["networks"] for seed in network["seeds"]]
    rows = [row for network, seed in pairs for row in _rows(config, network, seed)]
    _write(config, rows)


def _write(config: dict[str, Any], rows: list[Row]) -> None:
    document = {"date": datetime.date.today().isoformat(), "config": config, "rows": rows}
    (_ROOT / "docs" / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (_ROOT / "docs" / "results.md").write_text(page(document), encoding="utf-8")


def _rows_there(config: dict[str, Any]) -> list[Row]:
    """What earlier runs left, nothing else."""
    rows = []
    for network in config["networks"]:
        for seed in network["seeds"]:
            name = f"{network['name']}-s{seed}"
            parts = ["float", *(f"w{bits}" for bits in config["weight_bits"])]
            parts += [f"m{bits}" for bits in config["membrane_bits"][1:]]
            parts += [f"q{bits}-row" for bits in network["finetune_bits"]]
            paths = [_WORK / f"{name}-{part}.json" for part in parts]
            base: Row = {"network": network["name"], "seed": seed}
            rows += [base | json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return rows


def _rows(config: dict[str, Any], network: dict[str, Any], seed: int) -> list[Row]:
    name = f"{network['name']}-s{seed}"
    common = ["--dataset", network["dataset"], "--seed", str(seed)]
    model = _WORK / f"{name}.safetensors"
    if not model.exists():
        hidden = [part for width in network["hidden"] for part in ("--hidden", str(width))]
        _expifref("train", "--out", model, *common, *hidden)
    profile = load_profile(config["profile"])
    data = load(network["dataset"], seed=seed)
    description = read_description(model)

    def lowered_row(weight_bits: int | None, membrane_bits: int | None) -> Row:
        options = LoweringOptions(weight_bits, membrane_bits)
        try:
            program = calibrated(description, profile, data, seed, Choice(options, Ranges.MSE, True))[1]
        except RangeError as error:
            return {"kind": "refused", "membrane_bits": membrane_bits, "why": str(error)}
        return _program_row("lowered", program, data, seed)

    def tuned_row(path: Path) -> Row:
        return _program_row("finetuned", load_program(path), data, seed)

    base: Row = {"network": network["name"], "seed": seed}
    rows = [base | _kept(f"{name}-float", lambda: _float_row(description, data, seed))]
    for bits in config["weight_bits"]:
        rows.append(base | _kept(f"{name}-w{bits}", partial(lowered_row, bits, None)))
    for bits in config["membrane_bits"][1:]:
        rows.append(base | _kept(f"{name}-m{bits}", partial(lowered_row, None, bits)))
    for bits in network["finetune_bits"]:
        tuned = _WORK / f"{name}-q{bits}.safetensors"
        if not tuned.with_suffix(".json").exists() or not (_WORK / f"{tuned.stem}-row.json").exists():
            words = ["--finetune", model, "--profile", config["profile"], "--weight-bits", str(bits)]
            _expifref("train", "--out", tuned, *common, *words)
        rows.append(base | _kept(f"{tuned.stem}-row", partial(tuned_row, tuned.with_suffix(".json"))))
    return rows


def _kept(name: str, work: Callable[[], Row]) -> Row:
    """The row that an earlier run left, or that of `work`."""
    path = _WORK / f"{name}.json"
    if path.exists():
        row: Row = json.loads(path.read_text(encoding="utf-8"))
        return row
    row = work()
    path.write_text(json.dumps(row), encoding="utf-8")
    print(name, row, flush=True)
    return row


def _float_row(description: Description, data: Dataset, seed: int) -> Row:
    from expifref.network.simulate import simulate

    right = total = 0
    feed = Feed(description.encoder, description.steps, seed)
    for batch in encoded_samples(data.test, feed):
        output = np.array([steps[-1].state.v for steps in simulate(description, batch.spikes)])
        right += int((batch.decision.classes(output) == batch.labels).sum())
        total += len(output[0])
    return {"kind": "float", "accuracy": right / total, "samples": total}


def _program_row(kind: str, program: Program, data: Dataset, seed: int) -> Row:
    executor = JaxExecutor(program.graph)
    right = total = 0
    feed = Feed(program.encoder, program.steps, seed)
    for batch in encoded_samples(data.test, feed):
        predictions = executor.totals(batch.spikes).predictions
        right += int((predictions == batch.labels).sum())
        total += len(predictions)
    first = program.graph.layers[0]
    membrane = first.states.get("membrane")
    return {
        "kind": kind,
        "weight_bits": first.feeds[0].connection.weight_format.bits,
        "membrane_bits": None if membrane is None else membrane.format.bits,
        "accuracy": right / total,
        "samples": total,
        "bytes": place(program.graph, parse_profile(program.evidence.profile, "the program's profile")).bytes,
        "digest": digest(program),
    }


def _expifref(*arguments: object) -> None:
    print("expifref", *arguments, flush=True)
    subprocess.run([str(_COMMAND), *map(str, arguments), "--json"], check=True, stdout=subprocess.DEVNULL)


def page(document: dict[str, Any]) -> str:
    """The results as Markdown: mean and spread over the seeds."""
    rows: list[Row] = document["rows"]
    config = document["config"]
    lines = [
        "# Results",
        "",
        f"Written by `make results` on {document['date']} from `benchmarks/results_config.json`;",
        "every number is in [results.json](results.json). Whole test sets (359 digits, 10,000",
        "Fashion-MNIST images); accuracy in %, mean of the seeds [smallest..largest]. Networks: digits",
        "64-128-10, Fashion-MNIST",
        f"784-256-10 and 784-256-128-10, 25 steps of 1 ms; profile `{config['profile']}`. *Lowered* is",
        "post-training with ranges of least squared error and bias correction, *finetuned* is",
        "quantization-aware training (`expifref train --finetune`). *Bytes* counts weights at their width,",
        "tables, parameters and states. Finetuned networks had more epochs than the float ones.",
    ]
    for network in config["networks"]:
        own = [row for row in rows if row["network"] == network["name"]]
        seeds = len({row["seed"] for row in own})
        if not own:
            continue
        lines += ["", f"## {network['name']}, {seeds} seed{'s' if seeds > 1 else ''}", ""]
        lines += [
            "| weights | membrane | form | accuracy | points lost | bytes |",
            "|---|---|---|---|---|---|",
        ]
        real = {row["seed"]: row["accuracy"] for row in own if row["kind"] == "float"}
        lines.append(f"| float64 | float64 | float | {_spread([*real.values()])} | - | - |")
        for key in dict.fromkeys(_key(row) for row in own if row["kind"] in _FORMS):
            same = [row for row in own if row["kind"] in _FORMS and _key(row) == key]
            kind, weight, membrane = key
            lost = _spread([real[row["seed"]] - row["accuracy"] for row in same])
            accuracy = _spread([row["accuracy"] for row in same])
            form = kind if len(same) == seeds else f"{kind}, {len(same)} of {seeds} seeds"
            lines.append(f"| {weight} | {membrane} | {form} | {accuracy} | {lost} | {same[0]['bytes']:,} |")
        refused = [row for row in own if row["kind"] == "refused"]
        for row in refused:
            lines += ["", f"Refused, seed {row['seed']}, {row['membrane_bits']}-bit membrane: {row['why']}."]
    lines += [
        "",
        "Single neurons: spike times under a noisy drive ([numbers](noisy_drive.json),",
        "![spike times](noisy_drive.png)) and F-I curves ([numbers](fi_curves.json),",
        "![F-I curves](fi_curves.png)).",
    ]
    return "\n".join(lines) + "\n"


def _key(row: Row) -> tuple[str, int, int]:
    return row["kind"], row["weight_bits"], row["membrane_bits"]


def _spread(values: list[float]) -> str:
    percent = [100 * value for value in values]
    mean = f"{statistics.mean(percent):.2f}"
    return mean if len(percent) == 1 else f"{mean} [{min(percent):.2f}..{max(percent):.2f}]"


if __name__ == "__main__":
    main()
