"""What `expifref emulate` runs: a program, or a deployment file."""

from __future__ import annotations

from pathlib import Path

from quantize.program.program import Program

__all__ = ["read_runnable"]


def read_runnable(path: Path) -> tuple[Program, str]:
    """The program in `path`, which may be a program or a deployment file, and the program's digest."""
    from exporters.deployment.assemble import program_of
    from exporters.deployment.document import FAMILY, deployment_from_json
    from quantize.program.file import digest, program_from_json
    from quantize.program.sealed import read_document

    document, matrices = read_document(path)
    if str(document.get("schema")).startswith(FAMILY):
        deployment = deployment_from_json(document, f"`{path}`", matrices)
        return program_of(deployment), deployment.program
    program = program_from_json(document, f"`{path}`", matrices)
    return program, digest(program)
