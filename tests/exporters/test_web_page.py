"""The page in a browser without a window: it computes the emulator's bits, and knows drawn digits."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cli.page import write_page
from expifref.data.digits import load_digits
from expifref.encoders import encode
from expifref.network.decision import RULES, Decision
from exporters.c.signals import told
from exporters.registry import export_program
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.browser import browser, complaints, log
from tests.networks import lowered, network
from tests.tools import need

from .digits import DRAWN, digits_program

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_STEPS_A_SECOND = 20_000


@pytest.fixture(scope="module")
def program() -> Program:
    need("python-zig")
    return digits_program()


@pytest.fixture(scope="module")
def folder(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web") / "page"
    write_page(program, "digits", None, 0, path)
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser() as found:
        found.set_window_size(1000, 1200)
        yield found


@pytest.fixture
def page(driver: Chrome, folder: Path) -> Iterator[Chrome]:
    """The page as it opens from a disk; nothing that a test does may end in the console."""
    opened(driver, folder)
    yield driver
    assert complaints(driver) == []


def opened(driver: Chrome, folder: Path) -> None:
    driver.get(f"{folder.as_uri()}/index.html")
    wait(driver, "expifref.view !== undefined && expifref.view.player.ended")


def wait(driver: Chrome, condition: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, 20, 0.05).until(lambda one: one.execute_script(f"return {condition}"))


def text(driver: Chrome, name: str) -> str:
    return str(driver.find_element("id", name).text)


def signals(driver: Chrome) -> Any:
    """Every signal of every step, `[steps, values]`, of what was played last."""
    words = driver.execute_script(
        "const {network} = expifref.view;"
        "return Array.from(network.history.subarray(0, 2 * network.values * network.done));"
    )
    return np.array(words, np.int64).astype("<i4").view("<i8")


def test_samples_give_every_bit_of_the_emulator(page: Chrome, program: Program) -> None:
    chosen = load_digits().test[:6]
    spikes = encode("current", chosen.values, program.steps)
    wanted = Emulator(program).run(spikes)
    for sample, label in enumerate(chosen.labels.tolist()):
        page.execute_script(
            "const select = document.getElementById('sample'); select.value = arguments[0];"
            "select.dispatchEvent(new Event('change')); document.getElementById('finish').click();",
            str(sample),
        )
        rows = [wanted.signals[row.name][:, sample] for row in told(program.graph)]
        np.testing.assert_array_equal(
            signals(page).reshape(program.steps, -1), np.concatenate(rows, axis=1), err_msg=str(sample)
        )
        decided = int(Decision().classes(wanted.signals[program.output_name][:, [sample]])[0])
        says = "as the label says" if decided == label else f"but the label says {label}"
        assert text(page, "decision") == f"Decision: class {decided}, {says}."


@pytest.mark.parametrize("digit", [0, 1, 4, 7])
def test_a_digit_drawn_with_a_pointer_is_known(page: Chrome, digit: int) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    pad = page.find_element("id", "pad")
    size = pad.size
    for stroke in DRAWN[digit]:
        actions = ActionChains(page, duration=5)
        places = [(round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])) for x, y in stroke]
        actions.move_to_element_with_offset(pad, *places[0]).click_and_hold()
        for place in places[1:]:
            actions.move_to_element_with_offset(pad, *place)
        actions.release().perform()
    assert text(page, "decision") == f"Decision: class {digit}."
    assert page.find_element("id", "said").get_attribute("textContent") == f"Decision: class {digit}."


def test_every_digit_is_known(page: Chrome) -> None:
    found = {digit: drawn(page, strokes)["winner"] for digit, strokes in DRAWN.items()}
    assert found == {digit: digit for digit in DRAWN}


def drawn(driver: Chrome, strokes: object) -> Any:
    return driver.execute_script(
        "const {pad, player} = expifref.view; pad.strokes = arguments[0]; pad.changed();"
        "return {winner: player.decision.winner, frames: Array.from(player.input.frames)};",
        strokes,
    )


def test_a_drawing_is_counted_in_blocks(page: Chrome) -> None:
    """Without filling the frame, a dot in the middle is a disc: of each block its pixels are counted."""
    page.find_element("id", "fit").click()
    frames = drawn(page, [[[0.5, 0.5]]])["frames"]
    rows = (np.arange(32) + 0.5) / 32 - 0.5
    disc = (rows[:, None] ** 2 + rows**2 <= 0.08**2).reshape(8, 4, 8, 4).sum(axis=(1, 3)) / 16
    wanted = encode("current", disc.reshape(1, 64), 1)[0, 0]
    assert frames[:64] == wanted.tolist()


def test_keys_draw_too(page: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    pad = page.find_element("id", "pad")
    pad.send_keys(*[Keys.ARROW_UP] * 8)
    assert page.execute_script("return expifref.view.player.input.name") == "test sample 0"
    pad.send_keys(Keys.SPACE, *[Keys.ARROW_DOWN] * 16, Keys.SPACE)
    assert text(page, "decision") == "Decision: class 1."
    pad.send_keys(Keys.DELETE)
    assert page.execute_script("return expifref.view.pad.strokes") == []


def test_time_goes_in_steps_and_by_itself(page: Chrome, program: Program) -> None:
    for name, step in (("begin", 0), ("step", 1), ("step", 2), ("finish", 25), ("step", 25)):
        page.find_element("id", name).click()
        assert text(page, "clock") == f"Step {step} of {program.steps}"
    page.find_element("id", "begin").click()
    assert text(page, "decision") == "No step was run yet."
    page.find_element("css selector", "#speed option[value='200']").click()
    page.find_element("id", "play").click()
    wait(page, "expifref.view.player.ended")
    wait(page, "document.getElementById('play').textContent === 'Play'")
    assert text(page, "decision").startswith("Decision: class 2")


def test_it_is_fast(page: Chrome) -> None:
    page.find_element("css selector", "#speed option[value='Infinity']").click()
    page.find_element("id", "play").click()
    wait(page, f"expifref.view.player.pace > {_STEPS_A_SECOND}")
    assert text(page, "pace").endswith(" steps a second")
    page.find_element("id", "play").click()
    assert text(page, "pace") == ""


def test_a_recording_of_the_user(page: Chrome, program: Program, tmp_path: Path) -> None:
    spikes = np.random.default_rng(0).integers(0, 256, (40, 2, 64)).astype(np.uint8)
    np.save(tmp_path / "recording.npy", spikes)
    page.find_element("id", "file").send_keys(str(tmp_path / "recording.npy"))
    wait(page, "expifref.view.player.input.steps === 40")
    page.find_element("id", "finish").click()
    wanted = Emulator(program).run(spikes).signals
    rows = [wanted[row.name][:, 0] for row in told(program.graph)]
    np.testing.assert_array_equal(signals(page).reshape(40, -1), np.concatenate(rows, axis=1))


BAD: dict[str, Any] = {
    "A recording must be an .npy file of NumPy, but this file is none: save it with numpy.save.": b"PK",
    "A recording must have the shape [steps, samples, 64], not [3,2,5].": np.zeros((3, 2, 5), np.uint8),
    "A recording must be of uint8, int8 or bool and in C order, not <f8.": np.zeros((3, 2, 64)),
    "The values of a recording must lie in 0..255, but -3 is among them.": np.full((3, 2, 64), -3, np.int8),
    "What is played must have at most 50840 steps, since all signals are kept, but has 80000: choose a "
    "shorter one.": np.zeros((80_000, 1, 64), np.uint8),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_recording_is_a_sentence(page: Chrome, tmp_path: Path, message: str) -> None:
    path, content = tmp_path / "bad.npy", BAD[message]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    before = text(page, "decision")
    page.find_element("id", "file").send_keys(str(path))
    wait(page, "!document.getElementById('error').hidden")
    assert text(page, "error") == message
    assert text(page, "decision") == before
    page.find_element("id", "step").click()
    assert not page.find_element("id", "error").is_displayed()


@pytest.mark.parametrize("name", ["rate", "latency", "current"])
def test_encoders_give_the_bits_of_those_in_python(page: Chrome, name: str) -> None:
    values = np.random.default_rng(1).random((1, 37)).astype(np.float32)
    values[0, :4] = 0, 1, 0.5, 0.1
    found = page.execute_script(
        "return Array.from(expifref.encode(arguments[0], Float32Array.from(arguments[1]), 11, 3, 5));",
        name,
        values[0].tolist(),
    )
    wanted = encode(name, values, 11, seed=3, samples=np.array([5]))
    assert found == wanted[:, 0].reshape(-1).tolist()


def test_rules_decide_as_in_python(page: Chrome) -> None:
    output = np.random.default_rng(2).integers(-5, 5, (7, 1, 4))
    for rule in RULES:
        found = page.execute_script(
            "const decision = new expifref.Decision(arguments[0]);"
            "arguments[1].forEach((output) => decision.add(output));"
            "return [decision.scores, decision.winner];",
            rule,
            output[:, 0].tolist(),
        )
        scores = Decision(rule).scores(output).reshape(-1, 4)[-1].tolist()
        assert found == [scores, None if rule == "none" else scores.index(max(scores))], rule


def test_nothing_is_fetched_but_the_folder(driver: Chrome, folder: Path) -> None:
    """From a static host, with a phone's width, in the dark: only its own files, and all of them."""
    log(driver, "performance")
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 800, "deviceScaleFactor": 2, "mobile": True},
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/"
        driver.get(base)
        wait(driver, "expifref.view !== undefined && expifref.view.player.ended")
        assert driver.execute_script("return document.documentElement.scrollWidth") == 360
        assert driver.execute_script("return expifref.colour('paper')") == "#15171a"
        unnamed = "canvas:not([aria-label]), button:empty, :is(select, input):not(label *)"
        assert driver.execute_script(f"return document.querySelectorAll('{unnamed}').length") == 0
        server.shutdown()
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert complaints(driver) == []
    asked = [json.loads(row["message"])["message"] for row in log(driver, "performance")]
    urls = {row["params"]["request"]["url"] for row in asked if row["method"] == "Network.requestWillBeSent"}
    fetched = {url for url in urls if not url.startswith("data:")}
    assert fetched == {base} | {base + path.name for path in folder.iterdir() if path.name != "index.html"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


SERIES = {
    "spikes, no picture": ((12, 9, 3), "rate"),
    "pixels as spikes": ((64, 9, 3), "rate"),
}


@pytest.mark.parametrize("case", SERIES)
def test_other_networks_show_their_golden_input(driver: Chrome, tmp_path: Path, case: str) -> None:
    sizes, encoder = SERIES[case]
    program = lowered(network(sizes, encoder=encoder))
    export_program(program, "web", tmp_path / "page")
    opened(driver, tmp_path / "page")
    assert program.golden is not None
    spikes = np.asarray(program.golden.spikes)
    wanted = Emulator(program).run(spikes.astype(np.uint8)).signals
    rows = [wanted[row.name][:, 0] for row in told(program.graph)]
    np.testing.assert_array_equal(signals(driver).reshape(len(spikes), -1), np.concatenate(rows, axis=1))
    assert driver.find_element("id", "pad").is_displayed() == (sizes[0] == 64)
    if sizes[0] == 64:
        assert drawn(driver, DRAWN[3])["frames"].count(1) > 100
    assert complaints(driver) == []


def test_what_is_not_of_a_whole_folder_is_said(driver: Chrome, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "page"
    shutil.copytree(folder, broken)
    (broken / "program.js").write_text("globalThis.expifref ??= {};\n")
    driver.get(f"{broken.as_uri()}/index.html")
    wait(driver, "!document.getElementById('error').hidden")
    assert text(driver, "error") == (
        "The page must lie beside its program.js, but that is not there or damaged: export the folder again."
    )
    assert not driver.find_element("id", "main").is_displayed()
    assert complaints(driver) == []


def test_everything_is_reached_by_keys_in_its_order(page: Chrome) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    reached = []
    for _ in range(12):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.append(page.execute_script("return document.activeElement.id"))
    wanted = ["pad", "clear", "fit", "sample", "file", "play", "step", "begin", "finish", "speed", "signal"]
    assert reached == [*wanted, "neuron"]
