"""`make profiles`: train on each data set, lower for every profile, verify and compare.

Everything goes through the command line, as a user would do it. Writes docs/evidence.json and
docs/evidence.md.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from expifref.files.writing import write_text
from hw_profiles import load_profile, profile_names, refusal

DOCS = Path(__file__).parent.parent / "docs"
DATASETS = ("digits", "fashion-mnist")
VERSIONS = ("expifref", "numpy", "jax", "brainstate", "onnx", "onnxruntime")


class RefusedError(Exception):
    """The sentence with which a command refused its input."""


def main() -> None:
    """Run everything and write both files."""
    profiles = [name for name in profile_names() if refusal(load_profile(name)) is None]
    results = {dataset: on_dataset(dataset, profiles) for dataset in DATASETS}
    document = {
        "schema": "expifref/evidence/1",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in VERSIONS},
        "results": results,
    }
    write_text(DOCS / "evidence.json", json.dumps(document, indent=1) + "\n")
    write_text(DOCS / "evidence.md", page(document))


def on_dataset(dataset: str, profiles: list[str]) -> dict[str, Any]:
    """Train on `dataset`, then one entry per profile: what it reaches, or the sentence of its refusal."""
    with TemporaryDirectory() as folder:
        model, program = Path(folder) / "model.safetensors", Path(folder) / "program.json"
        trained = expifref("train", "--dataset", dataset, "--out", model)
        entries = {name: on_profile(dataset, name, model, program) for name in profiles}
    return {"training": {key: trained[key] for key in trained if key != "model"}, "profiles": entries}


def on_profile(dataset: str, profile: str, model: Path, program: Path) -> dict[str, Any]:
    """Quantize, verify on all test samples, and compare."""
    print(f"{dataset} on {profile}", file=sys.stderr)
    data = ("--dataset", dataset)
    try:
        lowered = expifref("quantize", model, "--profile", profile, "--out", program, *data)
    except RefusedError as error:
        return {"refused": str(error)}
    verified = expifref("verify", program, *data)
    compared = expifref("compare", model, program, *data)
    kept = (
        "float_accuracy",
        "program_accuracy",
        "prediction_agreement",
        "spike_difference",
        "layers",
        "saturations",
    )
    return {
        "program": lowered["digest"],
        "memory_bytes": lowered["memory_bytes"],
        "cores": lowered["cores"],
        "intermediate_bits": lowered["intermediate_bits"],
        "executors": verified["executors"],
        **{key: compared[key] for key in kept},
    }


def expifref(*arguments: object) -> dict[str, Any]:
    """The JSON that a command prints."""
    command = [sys.executable, "-m", "cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # 1 is a check that failed: its numbers belong into the evidence.
    if done.returncode not in (0, 1):
        raise RefusedError(done.stderr.strip().removeprefix("expifref: "))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def page(document: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    lines = [
        "# Evidence",
        "",
        f"Written by `make profiles` on {document['date']}, Python {document['python']}, "
        f"{document['machine']}; {versions}.",
        "All test samples, seed 0, default settings. *Differing bits* is the sum over all executors (slow",
        "ones on a sample, see [evidence.json](evidence.json)), all signals of all steps and all probes.",
        "*Within a step* is the share of hidden spikes, of both sides, that have a partner on the other side",
        "at most one step away.",
    ]
    for dataset, entry in document["results"].items():
        training = entry["training"]
        lines += [
            "",
            f"## {dataset}",
            "",
            f"Float test accuracy after training {training['test_accuracy']:.2%}, "
            f"{training['epochs']:.0f} epochs, {training['test_firing_rate_hz']:.0f} Hz.",
            "",
            "| profile | accuracy | predictions that agree | within a step | bytes | widest value "
            "| values compared | differing bits |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [row(name, result) for name, result in entry["profiles"].items()]
    return "\n".join(lines) + "\n"


def row(name: str, result: Mapping[str, Any]) -> str:
    """One profile."""
    if "refused" in result:
        return f"| `{name}` | refused: {result['refused']} | | | | | | |"
    executors = result["executors"].values()
    return (
        f"| `{name}` | {result['program_accuracy']:.2%} | {result['prediction_agreement']:.2%} "
        f"| {result['layers']['layer0']['matched_within_1_step']:.2%} | {result['memory_bytes']:,} "
        f"| {result['intermediate_bits']} bits | {sum(e['values'] for e in executors):,} "
        f"| {sum(e['differing_bits'] for e in executors)} |"
    )


if __name__ == "__main__":
    main()
