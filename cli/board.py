"""`expifref board`: a program on a board, its decisions and spikes as they come, beside the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DataDir, Json, Seed
from .output import live_view, print_json, print_table, print_text


def board(
    program: Annotated[Path, typer.Argument(help="The program (.json) that the board runs.")],
    port: Annotated[str, typer.Option("--port", help="Its serial line: /dev/ttyUSB0, or a pseudo-terminal.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples to run; random inputs without it.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="How many samples, at most.")] = 16,
    patience: Annotated[
        float, typer.Option("--patience", min=0.1, help="Seconds that the board may take to answer.")
    ] = 8.0,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Run samples on a board and compare every output with the emulator; exit 1 when a bit differs."""
    from contextlib import closing

    from exporters.board.executor import BoardExecutor
    from quantize.program.file import digest, load_program

    from .board_session import play
    from .board_view import view
    from .inputs import Source

    loaded = load_program(program)
    inputs = Source(None, dataset, data_dir, seed, samples).inputs(loaded)
    made = BoardExecutor(loaded.graph, digest(loaded), loaded.evidence.profile, port, patience)
    with closing(made), live_view() as show:
        session = play(loaded, made, inputs, lambda moment: show(lambda: view(moment)))
    summary = {"port": port, "words of weights loaded": made.loaded_words, **session.summary}
    if json:
        print_json({**summary, "samples": [sample.as_json for sample in session.samples]})
    else:
        rows = [sample.row for sample in session.samples]
        print_table("Samples on the board", rows, ["sample", "label", "board", "emulator", "differing bits"])
        print_table("All of them", [[key, value] for key, value in summary.items()])
        if session.first is not None:
            print_text(session.first)
    if session.differing_bits:
        raise typer.Exit(1)
