"""What `expifref emulate` runs: a program, or a deployment file."""

from __future__ import annotations

from pathlib import Path

from quantize.program import Program

__all__ = ["read_runnable"]


def read_runnable(path: Path) -> tuple[Program, str]:
    """The program in `path`, which may be a program or a deployment file, and the program's digest."""
    from exporters.deployment.document import SCHEMA, Deployment
    from exporters.deployment.make import program_of
    from quantize.program_io import digest, program_from_json
    from quantize.sealed import from_document, read_document

    document, matrices = read_document(path)
    if str(document.get("schema")).startswith(SCHEMA.rstrip("0123456789")):
        deployment = from_document(Deployment, document, SCHEMA, f"`{path}`", matrices)
        return program_of(deployment), deployment.program
    program = program_from_json(document, f"`{path}`", matrices)
    return program, digest(program)
