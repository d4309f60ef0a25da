"""Random modules: each is refused, or its description does what the module does. From the project's root:

    PYTHONPATH=. python benchmarks/random_modules.py [--modules 1000] [--first 0]

The modules are those of `tests/expifref/reading/random_modules.py`, read without the guard, so that what it
would catch counts as wrong. An interrupted run goes on where it was. Writes docs/random_modules.json.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from cli.output import progress_bar
from expifref.exceptions import ExpifrefError
from expifref.files.writing import write_text
from tests.expifref.reading.closed_loop import largest_difference, read_unguarded
from tests.expifref.reading.random_modules import INPUTS, random_module

DOCS = Path(__file__).parent.parent / "docs"
STARTED = DOCS.parent / "out" / "random_modules.json"
"""The differences that a run which did not end has found so far, by seed."""

STEPS = 30
LARGEST = 1e-6
"""Of the range of a value, in float64."""


def difference(seed: int) -> float | None:
    """The largest between module number `seed` and what is read of it; None where it is refused."""
    random = np.random.default_rng(seed)
    frames = (random.random((STEPS, 3, INPUTS)) < 0.5).astype(np.uint8) * np.array([[1], [3], [9]], np.uint8)
    try:
        read = read_unguarded(random_module(seed), inputs=INPUTS)
    except ExpifrefError:
        return None
    return largest_difference(*read, frames)


def differences(seeds: range) -> dict[int, float | None]:
    """`difference` of each module, where an interrupted run has not left it."""
    before = json.loads(STARTED.read_text(encoding="utf-8")) if STARTED.exists() else {}
    found: dict[int, float | None] = {int(seed): value for seed, value in before.items()}
    STARTED.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar("random modules", len(seeds), "modules") as bar:
        for seed in seeds:
            if seed not in found:
                found[seed] = difference(seed)
                write_text(STARTED, json.dumps(found))
            bar(1)
    return {seed: found[seed] for seed in seeds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Try all and count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modules", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args(arguments)
    found = differences(range(chosen.first, chosen.first + chosen.modules))
    kinds = Counter(
        "refused" if value is None else "equal" if value < LARGEST else "wrong" for value in found.values()
    )
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "modules": chosen.modules,
        "steps": STEPS,
        **{kind: kinds[kind] for kind in ("equal", "refused", "wrong")},
        "largest_difference": max(value for value in found.values() if value is not None),
        "wrong_seeds": [seed for seed, value in found.items() if value is not None and value >= LARGEST],
    }
    write_text(DOCS / "random_modules.json", json.dumps(document, indent=1) + "\n")
    STARTED.unlink()


if __name__ == "__main__":
    main()
