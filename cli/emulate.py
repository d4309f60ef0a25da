"""`expifref emulate`: run a program or a deployment file on recorded inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json
from .output import print_json, print_table, progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quantize.program import Program

_CHUNK = 100  # steps


def emulate(
    source: Annotated[Path, typer.Argument(help="A program or a deployment file (.json).")],
    input_file: Annotated[
        Path, typer.Option("--input", help="An .npz with `spikes` [steps, batch, inputs].")
    ],
    out: Annotated[Path, typer.Option("--out", help="The .npz to write, one integer array per signal.")],
    signal: Annotated[
        list[str] | None, typer.Option("--signal", help="Keep only this signal; may be given again.")
    ] = None,
    json: Json = False,
) -> None:
    """Run the bit-accurate emulator and write its signals, integers [steps, batch, neurons] each."""
    import numpy as np

    from expifref.files import require_writable
    from quantize.arrays import narrowest
    from quantize.emulator import Emulator, check_input

    program = read_runnable(source)
    spikes = check_input(program.input, read_spikes(input_file))
    require_writable(out)
    emulator = Emulator(program)
    chunks = [spikes[first : first + _CHUNK] for first in range(0, len(spikes), _CHUNK)]
    parts: dict[str, list[NDArray[np.signedinteger]]] = {}
    with progress_bar("emulate", len(spikes), "steps") as bar:
        for execution in emulator.stream(chunks, signals=signal):
            for name, trace in execution.signals.items():
                parts.setdefault(name, []).append(trace.astype(narrowest(trace)))
            bar(len(next(iter(execution.signals.values()))))
    arrays = {name: np.concatenate(pieces) for name, pieces in parts.items()}
    write_npz(out, arrays)
    summary = {
        "out": str(out),
        "steps": spikes.shape[0],
        "samples": spikes.shape[1],
        "signals": list(arrays),
        "saturations": dict(sorted(emulator.saturations.items())),
    }
    if json:
        print_json(summary)
        return
    print_table("Emulation", [[key, str(value)] for key, value in summary.items()])


def read_runnable(path: Path) -> Program:
    """The program in `path`, which may be a program or a deployment file."""
    from expifref.files import read_json
    from exporters.deploy import program_of
    from exporters.deployment import SCHEMA, load_deployment
    from quantize.program_io import program_from_json

    document = read_json(path)
    if str(document.get("schema")).startswith(SCHEMA.rstrip("0123456789")):
        return program_of(load_deployment(path))
    return program_from_json(document, f"`{path}`")


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` to `path`, whole or not at all."""
    import numpy as np

    from expifref.files import write_with

    def write(beside: Path) -> None:
        # Given a name instead of a file, NumPy appends `.npz` to one that has another ending.
        with beside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_with(path, write)


def read_spikes(path: Path) -> NDArray[Any]:
    """The array `spikes` of an .npz file; what it must look like is `check_input`'s to say."""
    from expifref.data.npz import read_npz

    spikes: NDArray[Any] = read_npz(path, [("spikes",)])["spikes"]
    return spikes
