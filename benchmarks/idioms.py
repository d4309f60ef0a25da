"""Networks as people write them: which are read, and that all executors of those agree. From the root:

    PYTHONPATH=. python benchmarks/idioms.py [--only TEXT] [--executor NAME ...]

Each idiom of `idiom_networks` is described, lowered and verified with the executors that are there. Writes
docs/idioms.json and the table in docs/networks.md. Needs brainpy.state.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brainstate
import numpy as np
import saiunit as u
from idiom_networks import IDIOMS, Idiom

import expifref
from expifref.exceptions import ExpifrefError, UpstreamStepWarning
from expifref.files.writing import write_text
from exporters import Terms, all_executors, make_executors, verify
from hw_profiles import load_profile
from quantize import calibrate, lower

DOCS = Path(__file__).parent.parent / "docs"
PROFILE = "generic-16bit"
STEPS, SAMPLES = 20, 3
BEGIN, END = "<!-- idioms -->\n", "<!-- end -->\n"
PLAIN = ["layer0 <- input", "readout <- layer0"]


def outcome(idiom: Idiom, executors: Sequence[str] | None) -> dict[str, Any]:
    """What becomes of one network: its layers and what was compared, or the sentence that refuses it."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UpstreamStepWarning)
            brainstate.random.seed(0)
            with brainstate.environ.context(dt=1 * u.ms):
                module = idiom.make()
            network = expifref.describe(module, dt=1 * u.ms, steps=STEPS)
    except ExpifrefError as error:
        return {"idiom": idiom.name, "from": idiom.source, "taken": False, "refused": str(error)}
    spikes = (np.random.default_rng(0).random((STEPS, SAMPLES, network.inputs)) < 0.5).astype(np.uint8)
    profile = load_profile(PROFILE)
    program = lower(network, calibrate(network, [spikes]), profile)
    made = (
        all_executors(program, profile).made
        if executors is None
        else make_executors(executors, program, profile)
    )
    checked = verify(program, made, [spikes], Terms(probe=False))
    warned = [str(one.message) for one in said if issubclass(one.category, UpstreamStepWarning)]
    return {
        "idiom": idiom.name,
        "from": idiom.source,
        "taken": True,
        "layers": [
            f"{layer.name} <- {', '.join(feed.source for feed in layer.feeds)}" for layer in network.layers
        ],
        "warning": warned[0] if warned else None,
        "executors": list(made),
        "values": sum(entry.values for entry in checked.executors.values()),
        "differing_bits": sum(entry.differing_bits for entry in checked.executors.values()),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown; what feeds what where it is more than one layer and a readout."""
    lines = ["| network | from | |", "|---|---|---|"]
    for row in rows:
        if row["taken"]:
            wiring = "" if row["layers"] == PLAIN else f": {'; '.join(row['layers'])}"
            what = f"taken{wiring}" + (" (with a warning)" if row["warning"] else "")
        else:
            what = f"refused: {row['refused']}"
        lines.append(f"| {row['idiom']} | {row['from']} | {what.replace('|', '')} |")
    return "\n".join(lines) + "\n"


def counted(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rows and their sums."""
    taken = [row for row in rows if row["taken"]]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "taken": len(taken),
        "refused": len(rows) - len(taken),
        "executors": list(dict.fromkeys(name for row in taken for name in row["executors"])),
        "values": sum(row["values"] for row in taken),
        "differing_bits": sum(row["differing_bits"] for row in taken),
        "rows": rows,
    }


def sentence(document: dict[str, Any]) -> str:
    """The sums in Markdown, and an empty line."""
    executors = ", ".join(document["executors"])
    return (
        f"On {document['date']} ([idioms.json](idioms.json)): {document['taken']} taken, "
        f"{document['refused']} refused;\n{executors}: {document['values']:,} values, "
        f"{document['differing_bits']} bits differ.\n\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """All idioms, or those whose name has a text in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--executor", action="append")
    chosen = parser.parse_args(arguments)
    rows = []
    for idiom in IDIOMS:
        if chosen.only not in idiom.name:
            continue
        rows.append(outcome(idiom, chosen.executor))
        print(json.dumps(rows[-1]))
    if chosen.only:
        return
    document = counted(rows)
    write_text(DOCS / "idioms.json", json.dumps(document, indent=1) + "\n")
    page = DOCS / "networks.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    write_text(page, head + BEGIN + sentence(document) + table(rows) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
