"""`expifref verify`: do all executors of a program compute the same bits?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expifref.exceptions import ParameterError

from .options import DataDir, Distributed, Json, Limit, Processes, Rank, Ranks, Report, Seed
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
    report: Report = None,
    json: Json = False,
) -> None:
    """Compare every signal of every step of all executors with the emulator; exit 1 when a bit differs."""
    wish = hardware_wish(lanes, pipelines, hold, None)
    if formal and report is not None:
        raise ParameterError("`--report` shows executors: leave it out with `--formal`, which runs none")
    if formal:
        verify_formally(program, wish, json)
        return
    if wish is not None:
        raise ParameterError("lanes, pipelines and a held input are asked of --formal: give it, too")
    from expifref.files.writing import require_writable
    from quantize.program.golden import differing_signals

    from .inputs import Source
    from .jobs import Team, run_job
    from .verification import VerificationJob

    if report is not None:
        require_writable(report)

    def finish(loaded: Loaded, result: Verification) -> None:
        golden = differing_signals(loaded.program)
        passed = result.passed and not golden
        found = {**summarize(result), "passed": passed, "golden_differences": list(golden)}
        if report is not None:
            _write_page(report, loaded, found)
        if json:
            print_json(found)
        else:
            print_result(result, reference)
            if golden:
                print_text(f"The emulator does not give the golden trace of the program: {', '.join(golden)}")
        if not passed:
            raise typer.Exit(1)

    names = None if executor is None else tuple(executor)
    job = VerificationJob(program, Source(None, dataset, data_dir, seed, samples), names, reference)
    run_job(job, Team(processes, distributed, rank, ranks), finish)


def _write_page(path: Path, loaded: Loaded, found: dict[str, Any]) -> None:
    from quantize.program.file import digest

    from .report.facts import explained
    from .report.page import write_page

    program = loaded.program
    device, reference = program.evidence.device, loaded.reference_name
    facts = {"profile": device, "program": digest(program), "reference": reference, **found}
    facts |= explained(program, loaded.inputs)
    write_page(path, f"Every executor of a program for {device}", facts)
