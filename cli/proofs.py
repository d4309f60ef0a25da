"""`expifref verify --formal`: proofs of the SystemVerilog of a program, for all inputs at all times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .output import print_json, print_text, progress_bar
from .speed import chosen_speed

if TYPE_CHECKING:
    from exporters.fpga import Wish

__all__ = ["verify_formally"]


def verify_formally(program: Path, wish: Wish | None, json: bool) -> None:
    """Prove the design that `wish` asks for; exit 1 where something does not hold."""
    from exporters.systemverilog.network import design
    from exporters.systemverilog.proofs import proofs_of, unproven
    from exporters.systemverilog.throughput import SMALLEST
    from quantize.program.file import load_program

    loaded = load_program(program)
    speed = SMALLEST if wish is None else chosen_speed(loaded, wish)
    made = design(loaded.graph, *speed.build(loaded.graph, loaded.evidence.profile))
    proofs, found = list(proofs_of(made)), []
    with progress_bar("proofs", len(proofs), "proofs") as report:
        for proof in proofs:
            report(0, proof.module)
            found.append({"module": proof.module, "claim": proof.sentence, "not_proven": proof.answer()})
            report(1)
    passed, without = not any(one["not_proven"] for one in found), unproven(made)
    if json:
        print_json({"passed": passed, "proofs": found, "without_proof": without})
    else:
        _print(found, without)
    if not passed:
        raise typer.Exit(1)


def _print(found: list[dict[str, Any]], without: dict[str, str]) -> None:
    for one in found:
        print_text(f"{one['module']}: {'NOT PROVEN' if one['not_proven'] else 'proven'}: {one['claim']}.")
        for claim in one["not_proven"]:
            print_text(f"  does not follow: {claim}")
    for module, why in without.items():
        print_text(f"{module} has no proof: {why}.")
