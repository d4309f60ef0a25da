"""The WebAssembly module, its executor, and the folder of a page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.page import shown_samples
from expifref.exceptions import DataError, FileFormatError, ToolError, UnsupportedError
from exporters.c import machine
from exporters.c.network import c_files
from exporters.registry import export_program
from exporters.web import module
from exporters.web.executor import wasm_executor
from exporters.web.folder import PAGE_FILES, samples_script
from exporters.web.module import wasm_module
from exporters.web.recordings import Recording, Shown, shown_of
from exporters.web.text import binary, comment, data
from quantize.graph.layers import Port
from quantize.numbers.formats import Format
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.emitted_c import LABEL
from tests.networks import lowered, network, spike_input
from tests.tools import need

SIZES = (6, 5, 3)
PAGE = Path(module.__file__).parent / "page"


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network(SIZES))


def test_a_module_needs_nothing_and_is_repeatable(program: Program) -> None:
    need("python-zig", "wasmtime")
    import wasmtime

    code = wasm_module(program.graph, LABEL)
    found = wasmtime.Module(wasmtime.Engine(), code)
    assert [one.name for one in found.imports] == []
    assert {one.name for one in found.exports} == {"memory", "heap", "reset", "load", "run"}
    assert wasm_module(program.graph, replace(LABEL, device="another")) == code


def test_long_runs_go_through_memory_in_pieces(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    need("python-zig", "wasmtime")
    spikes = spike_input(network(SIZES), steps=23, batch=2)
    wanted = Emulator(program).run(spikes)
    monkeypatch.setattr(machine, "_ROOM", 4000)
    found = wasm_executor(program.graph, LABEL).run(spikes, signals=["readout"])
    np.testing.assert_array_equal(found.signals["readout"], wanted.signals["readout"])
    assert set(found.signals) == {"readout"}
    for name, state in wanted.state.items():
        np.testing.assert_array_equal(found.state[name], state)


def test_a_module_that_returns_another_output_is_found(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("python-zig", "wasmtime")

    def wrong(graph: object, label: object) -> dict[str, str]:
        files = dict(c_files(graph, label))  # type: ignore[arg-type] # as it was given
        files["network.c"] = re.sub(
            r"readout\[j\] = (\w+)\[j\];", r"readout[j] = \1[j] + 1;", files["network.c"]
        )
        return files

    monkeypatch.setattr("exporters.c.freestanding.c_files", wrong)
    with pytest.raises(ToolError, match=r"^the WebAssembly module must return the output that it traces"):
        wasm_executor(program.graph, LABEL).run(spike_input(network(SIZES)))


def test_inputs_are_checked(program: Program) -> None:
    need("python-zig", "wasmtime")
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 5$"):
        wasm_executor(program.graph, LABEL).run(np.zeros((2, 2, 5), np.uint8))
    wide = replace(program.graph, input=Port(6, Format(False, 9, 0)))
    with pytest.raises(UnsupportedError, match=r"^the inputs of the emitted C must be bytes, not 0\.\.511$"):
        wasm_module(wide, LABEL)


def test_the_folder_is_complete_and_small(program: Program, tmp_path: Path) -> None:
    need("python-zig")
    out = tmp_path / "page"
    for _ in range(2):
        export_program(program, "web", out)
        names = {path.name for path in out.iterdir()}
        assert names == {"program.js", "samples.js", *PAGE_FILES}
    assert sum(path.stat().st_size for path in out.iterdir()) < 100_000
    (out / "thesis.txt").write_text("years")
    with pytest.raises(FileFormatError, match=r"it holds `thesis.txt`, which would be lost"):
        export_program(program, "web", out)


def test_the_page_has_each_of_its_files_and_no_address() -> None:
    assert {path.name for path in PAGE.iterdir()} == set(PAGE_FILES)
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r'<script defer src="(.*?)">', html)
    assert {*scripts, "index.html", "style.css"} == {*PAGE_FILES, "program.js", "samples.js"}
    for name in PAGE_FILES:
        text = (PAGE / name).read_text(encoding="utf-8")
        assert text.isascii()
        assert re.findall(r"https?:|//\w|fetch\(|XMLHttp|WebSocket|innerHTML|eval\(", text) == [], name


def test_texts_stay_in_their_places() -> None:
    hostile = "x\nalert(1)\u2028alert(2)`${alert(3)}</script>"
    assert "\n" not in comment(hostile)
    assert comment(hostile).isascii()
    assert json.loads(data({"a": hostile})) == {"a": hostile}
    assert data({"a": hostile}).isascii()
    assert re.fullmatch(r"`[A-Za-z0-9+/=\n]*`", binary(bytes(range(256))))


def test_samples_are_packed() -> None:
    frames = np.array([[1, 0, 0], [0, 1, 1]], np.uint8)
    row = Recording("it", frames, 2, 1)
    script = samples_script(Shown((row,), None), Port(3, Format(False, 1, 0)))
    assert "frames: `MQ==`" in script  # 0b110001
    assert '"held": false' in script
    held = samples_script(
        Shown((replace(row, frames=frames[:1].repeat(9, 0)),), None), Port(3, Format(True, 8, 0))
    )
    assert "frames: `AQAA`" in held
    assert '"held": true' in held
    assert '"steps": 9' in held
    assert samples_script(Shown((), None), Port(3, Format(False, 1, 0))).endswith("= [\n\n];\n")


def test_a_picture_is_drawn_where_inputs_can_be_one(program: Program) -> None:
    assert shown_of(program).side is None  # no square
    assert shown_of(lowered(network((16, 5, 3)))).side is None  # too small to draw in
    square = lowered(network((64, 5, 3)))
    assert shown_of(square).side == 8
    assert shown_of(replace(square, encoder="delta")).side is None
    assert shown_of(replace(square, encoder="of somebody else")).side is None
    (first, *_) = shown_of(square).recordings
    assert square.golden is not None
    np.testing.assert_array_equal(first.frames, np.asarray(square.golden.spikes)[:, 0])


def test_samples_of_a_series_end_where_they_end(tmp_path: Path) -> None:
    x, lengths = np.zeros((10, 5, 6), np.uint8), np.array([3, 5] * 5)
    x[:, 0] = 1
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(10) % 2, lengths=lengths)
    program = replace(lowered(network(SIZES)), encoder="spikes", steps=5)
    shown = shown_samples(program, str(tmp_path / "d.npz"), None, 0)
    assert shown.side is None
    assert {one.counted for one in shown.recordings} <= {3, 5}
    assert all(one.label in (0, 1) for one in shown.recordings)
