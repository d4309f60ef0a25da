"""`expifref tables`, and the calibration options of `expifref quantize`."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantize.program.file import load_program
from tests.edits import made

from .conftest import Workspace
from .shell import refused, succeeds

KINDS = ("plain", "interpolated", "non-uniform", "degree 2")


def test_tables_of_a_profile() -> None:
    command = ("tables", "generic-8bit", "--table-error", 4, "--table-error", 16)
    rows = succeeds(*command, "--json").json["tables"]
    assert [(row["layer"], row["error_target_lsb"]) for row in rows] == [
        ("default neuron", error) for error in (4, 4, 16, 16)
    ]
    for row in rows:
        assert tuple(row["tables"]) == KINDS
        for kind, found in row["tables"].items():
            assert found["kind"] == kind
            assert found["max_error_lsb"] <= row["error_target_lsb"]
            assert len(found["sha256"]) == 64
    table = succeeds(*command).out
    assert table.startswith("Bits of the smallest table")
    for row in rows:
        assert f"{row['tables']['interpolated']['bits']:,}" in table


def test_a_slower_membrane_has_other_gains() -> None:
    command = ("tables", "generic-16bit", "--table-error", 64, "--json")
    fast, slow = (succeeds(*command, "--dt", dt).json["tables"] for dt in (1, 0.1))
    assert fast[1]["function"].endswith("a=0.1")
    assert slow[1]["function"].endswith("a=0.01")


def test_tables_of_a_model(work: Workspace) -> None:
    rows = succeeds(
        *(
            "tables",
            work.model,
            "--dataset",
            work.data,
            "--profile",
            "cortex-m4",
            "--table-error",
            64,
            "--json",
        )
    ).json["tables"]
    assert [row["layer"] for row in rows] == ["layer0", "layer0"]


def test_tables_below_the_rounding_do_not_exist() -> None:
    assert "none" in succeeds("tables", "generic-8bit", "--table-error", 0.25).out


@pytest.mark.parametrize(
    ("options", "ranges", "corrected"),
    [
        ((), "weight max, membrane percentile, drive percentile, filter max", False),
        (("--calibration", "max"), "weight max, membrane max, drive max, filter max", False),
        (
            ("--calibration", "mse", "--bias-correction"),
            "weight mse, membrane mse, drive mse, filter mse",
            True,
        ),
    ],
)
def test_ranges_are_chosen_by_name(
    work: Workspace, tmp_path: Path, options: tuple[str, ...], ranges: str, corrected: bool
) -> None:
    command = (
        "quantize",
        work.model,
        "--dataset",
        work.data,
        "--out",
        tmp_path / "p.json",
        *options,
        "--json",
    )
    summary = succeeds(*command).json
    assert (summary["ranges"], summary["bias_correction"]) == (ranges, corrected)


def test_auto_is_deterministic_and_keeps_a_stated_correction(work: Workspace, tmp_path: Path) -> None:
    command = ("quantize", work.model, "--dataset", work.data, "--out", tmp_path / "p.json", "--json")
    auto = (*command, "--calibration", "auto", "--weight-bits", 3)
    one, two = succeeds(*auto).json, succeeds(*auto).json
    assert one == two
    assert succeeds(*auto, "--no-bias-correction").json["bias_correction"] is False


def test_narrower_words(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "p.json"
    words = ("--drive-bits", 12, "--table-bits", 12, "--table-segments", 64, "--table-error", 60)
    succeeds("quantize", work.model, "--dataset", work.data, "--out", out, *words)
    layer = load_program(out).graph.by_name["layer0"]
    tables = layer.tables.values()
    assert made(layer, layer.signals["drive"]).format.bits == 12
    assert {table.format.bits for table in tables} == {12}
    assert max(table.segments for table in tables) <= 64
    assert max(table.max_error_lsb for table in tables) <= 60


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--drive-bits", 17), "`drive_bits` must be 6..16 for the profile `generic-16bit`, not 17"),
        (("--table-error", 0.1), "`table_error` must be above the half LSB of rounding, not 0.1 LSB"),
    ],
)
def test_refusals(work: Workspace, tmp_path: Path, options: tuple[object, ...], sentence: str) -> None:
    command = ("quantize", work.model, "--dataset", work.data, "--out", tmp_path / "p.json", *options)
    assert refused(tmp_path, *command) == sentence
