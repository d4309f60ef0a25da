"""The C target: its folder, its executor and its errors, and both compilers without a warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import DataError, FileFormatError, ParameterError
from exporters.c.build import PLATFORMS, build
from exporters.c.executor import CExecutor, parse_trace, stimulus
from exporters.c.network import RUNTIME_FILES, c_files
from exporters.registry import export_program
from exporters.running import run_tool
from exporters.verification import verify
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.emitted_c import LABEL
from tests.networks import lowered, network
from tests.tools import need


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


def spikes_for(
    program: Program, steps: int = 10, samples: int = 6
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(3)
    return (rng.random((steps, samples, program.graph.input.channels)) < 0.4).astype(np.uint8)


def test_no_float_and_no_allocation(program: Program) -> None:
    files = c_files(program.graph, LABEL)
    source = files["network.c"] + files["network.h"]
    for word in ("float", "double", "malloc", "#include <stdlib"):
        assert word not in source


def test_the_folder_is_complete_and_repeatable(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "new" / "c"
    for _ in range(2):
        export_program(program, "c", out)
        assert sorted(path.name for path in out.iterdir()) == sorted(
            ("network.h", "network.c", "sizes.txt", *RUNTIME_FILES)
        )
    assert sorted(path.name for path in out.parent.iterdir()) == ["c"]


def test_other_files_are_not_destroyed(program: Program, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(FileFormatError) as caught:
        export_program(program, "c", tmp_path)
    assert str(caught.value) == (
        f"`{tmp_path}` cannot be written: it holds `thesis.txt`, which would be lost; "
        "choose a new folder, or one that holds nothing but an earlier export"
    )
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_a_file_in_the_way_is_refused(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("here")
    message = f"^`{path}` cannot be written: it is a file, and must be the name of a folder$"
    with pytest.raises(FileFormatError, match=message):
        export_program(program, "c", path)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_gives_every_bit(program: Program, platform: str) -> None:
    need(*PLATFORMS[platform].tools)
    result = verify(program, {platform: CExecutor(program.graph, LABEL, platform)}, [spikes_for(program)])
    assert result.passed, result.executors[platform].first


def test_sanitizers_find_nothing(program: Program) -> None:
    need("make", "gcc")
    options = "-g -fsanitize=address,undefined -fno-sanitize-recover=all"
    result = verify(program, {"it": CExecutor(program.graph, LABEL, "host", options)}, [spikes_for(program)])
    assert result.passed


def test_inputs_and_states_are_checked(program: Program) -> None:
    need("make", "gcc")
    executor = CExecutor(program.graph, LABEL)
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 5$"):
        executor.run(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(DataError, match=r"^`layer9.membrane` is not a state of this program"):
        executor.run(spikes_for(program), {"layer9.membrane": np.zeros((6, 5), np.int64)})
    with pytest.raises(DataError, match=r"^`bogus` is not a signal of this program: layer0.accumulator, "):
        executor.run(spikes_for(program), signals=["bogus"])
    assert set(executor.run(spikes_for(program), signals=["readout"]).signals) == {"readout"}


def test_the_host_program_prints_every_signal(program: Program, tmp_path: Path) -> None:
    need("make", "gcc")
    spikes = spikes_for(program, 2, 2)
    export_program(program, "c", tmp_path / "c")
    (tmp_path / "c" / "stimulus.bin").write_bytes(stimulus(program.graph, spikes.astype(np.int64)))
    printed = run_tool("make", ["--silent", "print"], tmp_path / "c").splitlines()
    wanted = Emulator(program).run(spikes).signals
    assert printed == [
        " ".join(map(str, (sample, step, name, *wanted[name][step, sample])))
        for sample in range(2)
        for step in range(2)
        for name in program.signal_names
    ]


def test_a_stimulus_and_a_trace_in_bytes(program: Program) -> None:
    spikes = spikes_for(program, 2, 1)
    assert (
        stimulus(program.graph, spikes.astype(np.int64))
        == bytes([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + spikes.tobytes()
    )
    total = sum(5 for _ in program.signal_names[:-2]) + 2 * 3
    trace = np.arange(2 * total).astype("<i8").tobytes()
    parsed = parse_trace(program.graph, trace, 2, 1)
    assert parsed["readout"][1, 0].tolist() == [2 * total - 3, 2 * total - 2, 2 * total - 1]


def test_an_unknown_platform_is_refused(tmp_path: Path) -> None:
    message = r"^a platform of C must be one of host, .*, not `avr`$"
    with pytest.raises(ParameterError, match=message):
        build(tmp_path, "avr")
