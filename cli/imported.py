"""`expifref import`: from a NIR file of another tool to a model file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expifref.exceptions import ParameterError

from .options import Json
from .output import print_json, print_table

if TYPE_CHECKING:
    from expifref.exchange.hdf5 import NirGraph
    from expifref.exchange.options import Told


class Rule(StrEnum):
    """How the equations of a file become steps."""

    EXACT = "exact"
    EULER = "euler"


class ResetKind(StrEnum):
    """What a spike does to a membrane."""

    ASSIGNED = "assigned"
    SUBTRACTED = "subtracted"


def import_nir(
    source: Annotated[Path, typer.Argument(help="NIR file (.nir).")],
    out: Annotated[Path, typer.Option("--out", help="The model file to write (.safetensors).")],
    dt: Annotated[
        float | None, typer.Option("--dt", help="Step in ms; needed where the file is not of this tool.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Time steps per sample; needed in the same way.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="How samples become inputs: rate, current, ...; the same.")
    ] = None,
    rule: Annotated[
        Rule,
        typer.Option(
            "--rule", help="euler: take time constants as Euler's rule would, as tools in steps do."
        ),
    ] = Rule.EXACT,
    reset: Annotated[
        ResetKind,
        typer.Option("--reset", help="assigned, as NIR says, or subtracted, as some tools mean it."),
    ] = ResetKind.ASSIGNED,
    json: Json = False,
) -> None:
    """Read a network of leaky neurons from a NIR file, and write it as a model file.

    What is not understood is refused by the path of its node. docs/nir.md says how its equations are stepped.
    """
    from expifref.exchange.hdf5 import read_graph
    from expifref.exchange.importing import description_of
    from expifref.network.model_files import save_description

    graph = read_graph(source)
    given = {"dt": None if dt is None else dt * 1e-3, "steps": steps, "encoder": encoder}
    told = _told(graph, given, rule, reset)
    description = description_of(graph, told)
    save_description(out, description)
    summary = {
        "model": str(out),
        "dt_ms": told.dt * 1e3,
        "steps": told.steps,
        "encoder": told.encoder,
        "rule": told.rule,
        "reset": told.reset,
        "inputs": description.inputs,
        "layers": [f"{layer.name} {layer.units}" for layer in description.layers],
    }
    if json:
        print_json(summary)
        return
    print_table("Imported network", [[key.replace("_", " "), _cell(value)] for key, value in summary.items()])


def _told(graph: NirGraph, given: Mapping[str, object], rule: Rule, reset: ResetKind) -> Told:
    from expifref.exchange.importing import metadata_of
    from expifref.exchange.options import Told

    values: dict[str, Any] = metadata_of(graph) | {
        name: value for name, value in given.items() if value is not None
    }
    missing = [f"--{name}" for name in given if name not in values]
    if missing:
        raise ParameterError(f"a NIR file of another tool does not say its {', '.join(missing)}: give it")
    return Told(rule=rule.value, reset=reset.value, **values)


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
