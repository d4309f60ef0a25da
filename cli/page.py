"""A web page that has samples of a data set with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from expifref.data import load
from expifref.exceptions import DataError
from quantize.run.batches import classes_of

from .inputs import dataset_inputs
from .samples import Feed

if TYPE_CHECKING:
    from exporters.web.recordings import Shown
    from quantize.program.program import Program

__all__ = ["shown_samples", "write_page"]

_MOST = 30
"""Samples, as many as a person may want to look through."""

_ROOM = 1 << 18
"""Bytes that they take together, unless one alone takes more."""


def write_page(program: Program, dataset: str, data_dir: Path | None, seed: int, out: Path) -> None:
    """Write `program` to the folder `out` with the first test samples of `dataset`.

    Raises:
        DataError: see `shown_samples`.
        MissingToolError, ToolError, UnsupportedError: see `exporters.web.folder.web_files`.
        FileFormatError: the folder cannot be written.
    """
    from expifref.files.writing import write_folder
    from exporters.web.folder import web_files

    write_folder(out, web_files(program, shown_samples(program, dataset, data_dir, seed)))


def shown_samples(program: Program, dataset: str, data_dir: Path | None, seed: int) -> Shown:
    """The first test samples of `dataset`, encoded for `program`, and whether its inputs can be drawn.

    Raises:
        DataError: the data set does not have the network's inputs, or no test samples.
    """
    from exporters.web.recordings import Recording, Shown, is_drawn

    loaded = load(dataset, data_dir, seed=seed)
    port = program.graph.input
    bits = 8 if port.graded else 1
    most = max(1, min(_MOST, 8 * _ROOM // (program.steps * port.channels * bits)))
    feed = Feed(program.encoder, program.steps, seed, program.decision)
    inputs = dataset_inputs(loaded, port.channels, feed, most)
    if not inputs.samples:
        raise DataError(f"the data set `{loaded.name}` must have test samples to be shown, but has none")
    (batch,) = inputs.batches(0, inputs.samples)
    counted, classes = batch.decision.lengths, classes_of(batch.labels)
    recordings = [
        Recording(
            f"test sample {sample}",
            batch.spikes[:, sample],
            program.steps if counted is None else int(counted[sample]),
            None if classes is None else int(classes[sample]),
        )
        for sample in range(inputs.samples)
    ]
    high, wide, depth = loaded.image or (0, 0, 0)
    drawn = is_drawn(program) and high == wide and depth == 1
    return Shown(tuple(recordings), high if drawn else None)
