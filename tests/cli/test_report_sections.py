"""The sections of a report without a browser: what each holds, and when it is there."""

from __future__ import annotations

import json
import re

import pytest

from cli.report.facts import budget_facts, site_facts
from cli.report.page import page
from cli.report.parts import Picture, Section, Table
from cli.report.plots import names_of
from cli.report.sections import SECTIONS
from cli.report.traces import trace_facts
from tests.networks import lowered, network, spike_input

from .reports import every_fact, recorded

FACTS = every_fact()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.name)
def test_every_picture_has_words_and_every_row_all_cells(section: Section) -> None:
    parts = section.make(FACTS)
    assert parts
    for part in parts:
        if isinstance(part, Picture):
            assert len(part.words) > 40
            assert part.title
        if isinstance(part, Table):
            assert part.rows
            assert {len(row) for row in part.rows} == {len(part.headers)}


def test_names_are_unique_in_a_page() -> None:
    pictures = [part.name for one in SECTIONS for part in one.make(FACTS) if isinstance(part, Picture)]
    assert len(set(pictures)) == len(pictures)
    assert len({one.name for one in SECTIONS}) == len(SECTIONS)


def test_a_section_is_there_where_its_facts_are() -> None:
    for section in SECTIONS:
        if section.needs:
            few = {key: FACTS[key] for key in section.needs}
            found = re.findall(r'<section id="(\w+)"', page("x", few))
            assert set(found) == {one.name for one in SECTIONS if {*one.needs} <= {*section.needs}}


def test_nothing_found_is_no_picture() -> None:
    few = {"first_divergence": None, "tables": {}, "executors": {}, "budget": {"not_made": "it is too large"}}
    written = page("x", few)
    assert "No spike differs." in written
    assert "There is no error budget: it is too large." in written
    assert json.loads(written.partition('id="pictures">')[2].partition("</script>")[0]) == {}


def test_a_page_is_one_file_of_a_bearable_size() -> None:
    written = page("x", FACTS)
    assert len(written) < 4 << 20
    # Only the library itself names places in the network, in its comments and links.
    outside = re.sub(r"<script.*?</script>", "", written, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\"(?!#|data:)", outside) == []
    assert "://" not in outside


def test_the_same_facts_give_the_same_page() -> None:
    assert page("x", FACTS) == page("x", every_fact())


def test_names_along_an_axis_are_never_alike() -> None:
    assert names_of(["a$", "a_", "a\n", "b"]) == ["a_", "a_ (2)", "a_ (3)", "b"]
    assert names_of(["/a/long/path/to/an/executor.onnx"]) == ["...h/to/an/executor.onnx"]


def test_a_large_network_is_looked_at_on_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    description = network()
    program, inputs = lowered(description), recorded(spike_input(description, batch=6))
    weights, steps = 12 * 10 + 10 * 3, 40
    monkeypatch.setattr("cli.report.facts._MOST_PRODUCTS", 2.5 * weights * steps)
    assert site_facts(program.graph, inputs)["samples"] == 2
    assert budget_facts(description, program, inputs)["samples"] == 1


def test_where_causes_cannot_be_told_apart_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    description = network()
    program, inputs = lowered(description), recorded(spike_input(description, batch=2))
    monkeypatch.setattr("quantize.fidelity.hybrid._MOST_WEIGHTS", 1)
    facts = {"budget": budget_facts(description, program, inputs)}
    facts["traces"] = trace_facts(description, program, inputs, None)
    assert facts["budget"]["not_made"].startswith("causes can be told apart in networks of at most 1 weights")
    assert [layer["drive"] for layer in facts["traces"]["layers"]] == [None, None]
    assert "There is no error budget" in page("x", facts)
