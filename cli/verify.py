"""`expifref verify`: do all executors of a program compute the same bits?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from expifref.exceptions import ParameterError

from .options import DataDir, Distributed, Json, Limit, Processes, Rank, Ranks, Seed
from .output import print_json, print_text
from .proofs import verify_formally
from .speed import Hold, Lanes, Pipelines, hardware_wish
from .verification_report import EMULATOR, print_result, summarize

if TYPE_CHECKING:
    from exporters.verification import Verification

    from .verification import Loaded


def verify(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    executor: Annotated[
        list[str] | None,
        typer.Option(
            "--executor", help="Only this one; may be given again. An .onnx or deployment file also counts."
        ),
    ] = None,
    reference: Annotated[
        str, typer.Option("--reference", help="What the others must equal; native and jax are fast.")
    ] = EMULATOR,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples to run; random inputs without it.")
    ] = None,
    samples: Limit = None,
    processes: Processes = 1,
    distributed: Distributed = None,
    rank: Rank = None,
    ranks: Ranks = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    formal: Annotated[
        bool,
        typer.Option("--formal", help="Prove the SystemVerilog instead of running executors; takes minutes."),
    ] = False,
    lanes: Lanes = None,
    pipelines: Pipelines = None,
    hold: Hold = None,
    json: Json = False,
) -> None:
    """Compare every signal of every step of all executors with the emulator; exit 1 when a bit differs."""
    wish = hardware_wish(lanes, pipelines, hold, None)
    if formal:
        verify_formally(program, wish, json)
        return
    if wish is not None:
        raise ParameterError("lanes, pipelines and a held input are asked of --formal: give it, too")
    from quantize.program.golden import differing_signals

    from .inputs import Source
    from .jobs import Team, run_job
    from .verification import VerificationJob

    def finish(loaded: Loaded, result: Verification) -> None:
        golden = differing_signals(loaded.program)
        passed = result.passed and not golden
        if json:
            print_json({**summarize(result), "passed": passed, "golden_differences": list(golden)})
        else:
            print_result(result, reference)
            if golden:
                print_text(f"The emulator does not give the golden trace of the program: {', '.join(golden)}")
        if not passed:
            raise typer.Exit(1)

    names = None if executor is None else tuple(executor)
    job = VerificationJob(program, Source(None, dataset, data_dir, seed, samples), names, reference)
    run_job(job, Team(processes, distributed, rank, ranks), finish)
