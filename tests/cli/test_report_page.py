"""Reports in a real browser: no error, every picture, the numbers of the facts, on phones, in the dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from cli.report.page import write_page
from cli.report.sections import SECTIONS
from tests.browser import browser, log, open_page

from .reports import every_fact

PICTURES = {"search", "network", "courses", "divergence", "budget", "sites", "tables", "executors", "devices"}
PICTURES |= {"loss", "accuracy", "one_step"}

DRAWN = """
const canvases = (root) => [...root.querySelectorAll("*")].flatMap((one) => [
  ...(one.localName === "canvas" ? [one] : []), ...(one.shadowRoot ? canvases(one.shadowRoot) : []),
]);
const colours = (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
};
return Object.fromEntries([...document.querySelectorAll(".picture")].map((one) =>
  [one.id, Math.max(0, ...canvases(one).filter((canvas) => canvas.width * canvas.height).map(colours))]));
"""
INKS = """
const roots = Bokeh.documents.flatMap((one) => [...one.roots()]);
const plots = roots.flatMap((one) => one.children ?? [one]);
const value = (color) => color?.value ?? color;
const every = (colors) => [...new Set(colors.map(value).filter(Boolean))];
return {
  axis: every(plots.flatMap((one) => one.left.map((axis) => axis.major_label_text_color))),
  text: every(plots.flatMap((one) => one.renderers.map((drawn) => drawn.glyph?.text_color))),
};
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    facts = every_fact()
    traces = facts.pop("traces")
    write_page(path, "a tiny network", facts, traces)
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser() as one:
        yield one


def run(driver: Chrome, script: str) -> Any:
    return driver.execute_script(script)


def complaints(driver: Chrome) -> list[dict[str, Any]]:
    return [entry for entry in log(driver, "browser") if entry["level"] not in ("INFO", "DEBUG")]


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_every_picture_is_drawn_and_nothing_complains(
    page: Path, driver: Chrome, width: int, dark: bool
) -> None:
    open_page(driver, page, width, dark)
    assert complaints(driver) == []
    found = run(driver, DRAWN)
    assert found.keys() == {f"picture-{name}" for name in PICTURES}
    assert all(colours > 3 for colours in found.values()), found
    assert run(driver, "const one = document.documentElement; return one.scrollWidth - one.clientWidth") == 0
    assert run(driver, "return performance.getEntriesByType('resource').map((one) => one.name)") == []
    paper = run(driver, "return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 29)" if dark else "rgb(255, 255, 255)")
    ink = set(
        run(driver, "return getComputedStyle(document.documentElement).getPropertyValue('--ink')").split()
    )
    assert ink == ({"#e6e9ef"} if dark else {"#1d2330"})


def test_text_in_pictures_follows_the_button(page: Path, driver: Chrome) -> None:
    open_page(driver, page)
    for ink in ("#1d2330", "#e6e9ef", "#1d2330"):
        assert run(driver, INKS) == {"axis": [ink], "text": [ink]}
        driver.find_element(By.ID, "theme").click()


def test_the_numbers_are_those_of_the_facts(page: Path, driver: Chrome) -> None:
    open_page(driver, page)
    facts = every_fact()
    del facts["traces"]
    assert json.loads(run(driver, "return document.getElementById('report').textContent")) == facts
    rows = run(
        driver,
        "return [...document.querySelectorAll('tbody tr')].map((row) => [row.closest('section').id, "
        "...[...row.children].map((cell) => cell.textContent)])",
    )
    said = {tuple(row) for row in rows}
    assert ("overview", "accuracy, integer program", f"{facts['program_accuracy']:.2%}") in said
    assert ("overview", "saturations", f"{sum(facts['saturations'].values()):,}") in said
    one = facts["executors"]["deployment"]
    counts = tuple(f"{one[key]:,}" for key in ("samples", "neuron_steps", "values", "differing_bits"))
    assert ("executors", "deployment", *counts, "none") in said
    for name, site in facts["sites"]["sites"].items():
        row = next(row for row in rows if row[:2] == ["sites", name])
        numbers = (
            site[key] for key in ("lowest", "highest", "bits_used", "headroom_bits", "values", "outside")
        )
        assert row[3:9] == [f"{number:,}" for number in numbers]
    assert {row[1] for row in rows if row[0] == "devices"} >= facts["devices"]["profiles"].keys()
    assert {row[0] for row in rows} == {one.name for one in SECTIONS} - {"courses", "divergence"}


def test_what_is_chosen_is_shown(page: Path, driver: Chrome) -> None:
    open_page(driver, page)
    traces = every_fact()["traces"]
    layer = traces["layers"][0]
    run(
        driver,
        "for (const [id, value] of [['sample', 2], ['layer', 0], ['neuron', 4], ['step', 7]]) {"
        "const one = document.getElementById(id); "
        "one.value = value; one.dispatchEvent(new Event('input')); }",
    )
    real, integer = (
        {(n, s) for n, steps in enumerate(layer["spikes"][side][2]) for s in steps}
        for side in ("float", "integer")
    )
    said = driver.find_element(By.ID, "said").text
    sides = (
        f"{len(real)} spikes in float, {len(integer)} in the program, {len(real ^ integer)} on one side only."
    )
    assert said.startswith(f"Sample 2, layer0: {sides} Step 7, unit 4: membrane ")
    assert float(said.partition("membrane ")[2].split()[0]) == layer["value"]["float"][2][4][7]
    shown = run(
        driver,
        "return ['raster-float', 'raster-integer', 'raster-differs', 'value-integer', 'drive-float']"
        ".map((name) => {"
        "for (const one of Bokeh.documents) { const found = one.get_model_by_name(name); "
        "if (found) return [...found.data.y]; } })",
    )
    assert [len(values) for values in shown[:3]] == [len(real), len(integer), len(real ^ integer)]
    assert shown[3:] == [layer["value"]["integer"][2][4], layer["drive"]["float"][2][4]]
    run(
        driver,
        "const one = document.getElementById('layer'); one.value = 1; one.dispatchEvent(new Event('input'))",
    )
    assert driver.find_element(By.ID, "said").text.startswith("Sample 2, readout. Step 7, unit ")
    assert complaints(driver) == []


def test_the_check_sees_an_error(page: Path, driver: Chrome, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(
        page.read_text(encoding="utf-8").replace("</main>", "</main><img src='https://127.0.0.1/x.png'>")
    )
    open_page(driver, broken)
    assert any("Content Security Policy" in entry["message"] for entry in complaints(driver))
