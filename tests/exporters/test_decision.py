"""The rule of decision on its way from a program into its file and what is exported of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import hw_profiles
from expifref.exceptions import ParameterError
from expifref.network.decision import RULES
from exporters.c.network import c_files
from exporters.deployment.assemble import program_of
from exporters.deployment.document import load_deployment, save_deployment
from exporters.deployment.make import deploy
from quantize.program.file import digest, load_program, program_to_json, save_program
from quantize.program.label import label_of
from tests.networks import lowered, network

PROFILE = "generic-8bit"
PROGRAM = lowered(network([3, 4, 2], seed=0), PROFILE)


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_comes_through_files(tmp_path: Path, rule: str) -> None:
    program = replace(PROGRAM, decision=rule)
    save_program(program, tmp_path / "p.json")
    assert load_program(tmp_path / "p.json").decision == rule
    placed = deploy(program.graph, label_of(program), hw_profiles.load_profile(PROFILE))
    save_deployment(placed, tmp_path / "d.json")
    assert program_of(load_deployment(tmp_path / "d.json")).decision == rule


def test_the_sum_is_not_written_and_keeps_the_digest() -> None:
    assert PROGRAM.decision == "sum"
    assert "decision" not in program_to_json(PROGRAM)
    assert digest(replace(PROGRAM, decision="last")) != digest(PROGRAM)


def test_the_header_says_how_to_decide() -> None:
    sentences = {rule: _header(rule) for rule in RULES}
    assert "largest sum over all steps is the prediction" in sentences["sum"]
    assert "largest output in the last step is the prediction" in sentences["last"]
    assert len(set(sentences.values())) == len(RULES)


def test_other_rules_are_refused(tmp_path: Path) -> None:
    save_program(replace(PROGRAM, decision="vote"), tmp_path / "p.json")
    with pytest.raises(ParameterError) as caught:
        load_program(tmp_path / "p.json")
    assert str(caught.value) == ("the decision must be one of sum, last, maximum, per-step, none, not 'vote'")


def _header(rule: str) -> str:
    return c_files(PROGRAM.graph, replace(label_of(PROGRAM), decision=rule))["network.h"]
