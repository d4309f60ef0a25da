"""`expifref tables`: what tables of each kind would cost at an error target."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Dataset, Json, ProfileName, Seed
from .output import print_json, print_table, print_text

if TYPE_CHECKING:
    from hw_profiles import Profile
    from quantize.tables.functions import TableSpec

_ERRORS = (1.0, 4.0, 16.0, 64.0)


def tables(
    target: Annotated[
        str, typer.Argument(help="A profile, or a model file (.safetensors) for the profile of --profile.")
    ],
    profile: ProfileName = "generic-16bit",
    errors: Annotated[
        list[float] | None,
        typer.Option("--table-error", help="Largest error in LSB of an entry; may be given more than once."),
    ] = None,
    dt_ms: Annotated[
        float, typer.Option("--dt", min=1e-3, help="Step in ms, where the target is a profile.")
    ] = 1.0,
    tau_ms: Annotated[
        float, typer.Option("--tau", min=1e-3, help="Membrane time constant in ms, likewise.")
    ] = 10.0,
    dataset: Dataset = "digits",
    data_dir: DataDir = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Say how many bits the growth and gain tables need: plain, interpolated, non-uniform, of degree 2.

    Each table is the smallest of its kind whose error, measured at every membrane code, meets the target. A
    program can hold interpolated tables, and plain ones with an entry per code; the other kinds tell what
    hardware of one's own would save. A profile is looked at with ExpIFRef's default neuron.
    """
    from hw_profiles import load_profile
    from quantize.tables.search import KINDS

    if target.endswith(".safetensors"):
        specs = _of_model(Path(target), load_profile(profile), dataset, data_dir, seed)
    else:
        specs = {"default neuron": _of_profile(load_profile(target), dt_ms, tau_ms)}
    rows = [
        {"layer": layer, "error_target_lsb": error, **row}
        for layer, spec in specs.items()
        for error in errors or _ERRORS
        for row in _rows(spec, error)
    ]
    if json:
        print_json({"target": target, "tables": rows})
        return
    print_table(
        "Bits of the smallest table", [_cells(row) for row in rows], ("table", "error in LSB", *KINDS)
    )
    print_text("A program can hold the interpolated ones, and a plain one marked with a star.")


def _rows(spec: TableSpec, error: float) -> list[dict[str, Any]]:
    from quantize.tables.search import KINDS, curves, smallest

    return [
        {
            "function": curve.function,
            "tables": {
                kind: found and asdict(found) for kind in KINDS for found in (smallest(curve, kind, error),)
            },
        }
        for curve in curves(spec)
    ]


def _cells(row: dict[str, Any]) -> list[str]:
    # The full names of gains are long and start alike.
    function = "growth" if row["function"].startswith(("exp", "min")) else row["function"].rpartition(", ")[2]
    found = [row["tables"][kind] for kind in row["tables"]]
    bits = [
        "none"
        if entry is None
        else f"{entry['bits']:,}" + "*" * (entry["lowerable"] and entry["kind"] == "plain")
        for entry in found
    ]
    return [f"{row['layer']} {function}", f"{row['error_target_lsb']:g}", *bits]


def _of_profile(profile: Profile, dt_ms: float, tau_ms: float) -> TableSpec:
    """For one default neuron, driven as far as a network in training usually drives it."""
    import numpy as np

    from expifref.network.description import INPUT, FeedDescription, NeuronParameters, SpikingDescription
    from quantize.lowering.lower import LoweringOptions, check_arithmetic
    from quantize.lowering.neuron import membrane_format, table_spec
    from quantize.lowering.ranges import LayerRange

    values = {"resistance": 1.0, "tau": tau_ms * 1e-3, "tau_ref": 1.7e-3, "v_th": -30e-3, "v_reset": -68e-3}
    values |= {"v_rest": -65e-3, "v_t": -59.9e-3, "delta_t": 3.48e-3, "v_initial": -65e-3}
    cell = NeuronParameters(**{name: np.array([value]) for name, value in values.items()})
    layer = SpikingDescription("neuron", (FeedDescription(INPUT, np.zeros((1, 1))),), np.zeros(1), None, cell)
    ranges = LayerRange(-6.0, -8.0, 8.0, 0.0, 3.0)
    arithmetic = check_arithmetic(profile, LoweringOptions())
    fmt = membrane_format(layer, ranges, dt_ms * 1e-3, arithmetic)
    return table_spec(layer, ranges, dt_ms * 1e-3, fmt, arithmetic)


def _of_model(
    path: Path, profile: Profile, dataset: str, data_dir: Path | None, seed: int
) -> dict[str, TableSpec]:
    from expifref.data import load
    from expifref.network.model_files import read_description
    from quantize.lowering.calibration import calibrate
    from quantize.lowering.lower import table_specs

    from .samples import calibration_batches

    description = read_description(path)
    data = load(dataset, data_dir, seed=seed)
    seen = calibrate(description, calibration_batches(data, description, seed))
    return table_specs(description, seen, profile)
