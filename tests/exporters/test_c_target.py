"""The C target: its text, its folder, its executor's errors, and both compilers without a warning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import DataError, FileFormatError, ParameterError, UnsupportedError
from exporters.c.build import PLATFORMS, build
from exporters.c.executor import CExecutor, parse_trace, stimulus
from exporters.c.helpers import write_helpers
from exporters.c.network import RUNTIME_FILES, c_files
from exporters.c.unit import Unit
from exporters.c.words import INT32, INT64, computing, literal, notation
from exporters.emitter import Emitter
from exporters.registry import export_program
from exporters.tools import run_tool
from exporters.verification import verify
from quantize.arrays import frozen
from quantize.emulator import Emulator
from quantize.formats import Format, Overflow, Quantizer, Rounding
from quantize.program import Program, SpikingLayer
from quantize.ranges import Interval
from tests.networks import lowered, network
from tests.tools import need


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


def spikes_for(
    program: Program, steps: int = 10, samples: int = 6
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(3)
    return (rng.random((steps, samples, program.input.channels)) < 0.4).astype(np.uint8)


# Text ------------------------------------------------------------------------------------------------------


def test_a_rounding_helper() -> None:
    text = Emitter()
    write_helpers(text, {("rnd_conv", INT64): None})
    assert (
        str(text)
        == """
/* TRN: x / 2^k toward minus infinity */
static inline int64_t floor_shift_i64(int64_t x, uint32_t k)
{
    return (x < 0) ? (-1 - ((-1 - x) >> k)) : (x >> k);
}

/* RND_CONV: x / 2^k to nearest, ties to even; k is at least 1 */
static inline int64_t rnd_conv_i64(int64_t x, uint32_t k)
{
    const int64_t nudge = ((int64_t)1 << (k - 1U)) - 1 + (floor_shift_i64(x, k) & 1);
    return floor_shift_i64(x + nudge, k);
}
"""
    )


def test_the_rescale_of_a_small_layer() -> None:
    small = lowered(network((2, 2, 2), tau_synapse=None), "generic-16bit")
    layer = small.layers[0]
    assert isinstance(layer, SpikingLayer)
    rescale = replace(
        layer.rescale,
        multiplier=frozen([3, 3]),
        bias=frozen([-5, 7]),
        shift=4,
        site=Quantizer(Format(True, 8, layer.neuron.membrane.format.frac), Rounding.RND, Overflow.SAT),
    )
    dense = replace(layer.dense, weight=frozen([[100, -100], [27, 28]]))
    changed = replace(small, layers=(replace(layer, dense=dense, rescale=rescale), *small.layers[1:]))
    source = c_files(changed)["network.c"]
    assert "static const int8_t layer0_weight[2][2] = {\n    {\n        100, -100\n    },\n" in source
    assert "#define LAYER0_MULTIPLIER (3) /* of the accumulator */" in source
    start = source.index("static inline int32_t layer0_rescale")
    assert source[start : source.index("}\n", start) + 2] == (
        "static inline int32_t layer0_rescale(uint32_t j)\n"
        "{\n"
        "    const int32_t product = ((int32_t)layer0_accumulator[j] * LAYER0_MULTIPLIER) + layer0_bias[j];\n"
        "    return rnd_i32(product, 4U);\n"
        "}\n"
    )


def test_an_overflow_is_written_only_where_it_can_happen() -> None:
    unit, site = Unit(), Quantizer(Format(True, 8, 0), Rounding.TRN, Overflow.SAT)
    assert unit.overflowed("x", Interval(-128, 127), site, INT32) == "x"
    assert unit.overflowed("x", Interval(-129, 127), site, INT32) == "at_least_i32(x, (-128))"
    assert unit.overflowed("x", Interval(-128, 128), site, INT32) == "at_most_i32(x, 127)"
    assert unit.overflowed("x", Interval(-200, 200), site, INT32) == "clamp_i32(x, (-128), 127)"
    wraps = replace(site, overflow=Overflow.WRAP)
    assert unit.overflowed("x", Interval(0, 128), wraps, INT64) == "wrap_i64(x, (-128), 8U)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-7, "(-7)"),
        (1 << 31, "INT64_C(2147483648)"),
        (-(1 << 40), "(INT64_C(-1099511627776))"),
    ],
)
def test_literals(value: int, text: str) -> None:
    assert literal(value, INT64) == text


def test_the_most_negative_numbers_have_no_literal() -> None:
    assert literal(-(1 << 31), INT32) == "((-2147483647) - 1)"
    assert literal(-(1 << 63), INT64) == "((INT64_C(-9223372036854775807)) - 1)"


def test_q_notation() -> None:
    assert notation(Format(True, 16, 8)) == "Q7.8"
    assert notation(Format(False, 8, 10)) == "UQ-2.10"


def test_a_value_too_wide_for_c_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        computing("layer0.sum", Interval(0, 1 << 64))
    assert str(caught.value) == (
        "C99 has no integers for `layer0.sum`: 0..18446744073709551616 needs 66 bits, and 64 are the most"
    )


def test_no_float_and_no_allocation(program: Program) -> None:
    source = c_files(program)["network.c"] + c_files(program)["network.h"]
    for word in ("float", "double", "malloc", "#include <stdlib"):
        assert word not in source


# Folder ----------------------------------------------------------------------------------------------------


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


# Building and running --------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_gives_every_bit(program: Program, platform: str) -> None:
    need(*PLATFORMS[platform].tools)
    result = verify(program, {platform: CExecutor(program, platform)}, [spikes_for(program)])
    assert result.passed, result.executors[platform].first


def test_sanitizers_find_nothing(program: Program) -> None:
    need("make", "gcc")
    options = "-g -fsanitize=address,undefined -fno-sanitize-recover=all"
    result = verify(program, {"it": CExecutor(program, "host", options)}, [spikes_for(program)])
    assert result.passed


def test_inputs_and_states_are_checked(program: Program) -> None:
    need("make", "gcc")
    executor = CExecutor(program)
    with pytest.raises(DataError, match=r"^`spikes` must have 6 inputs, not 5$"):
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
    (tmp_path / "c" / "stimulus.bin").write_bytes(stimulus(program, spikes))
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
    assert stimulus(program, spikes) == bytes([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + spikes.tobytes()
    total = sum(5 for _ in program.signal_names[:-2]) + 2 * 3
    trace = np.arange(2 * total).astype("<i8").tobytes()
    parsed = parse_trace(program, trace, 2, 1)
    assert parsed["readout"][1, 0].tolist() == [2 * total - 3, 2 * total - 2, 2 * total - 1]


def test_an_unknown_platform_is_refused(tmp_path: Path) -> None:
    message = r"^a platform of C must be one of host, .*, not `avr`$"
    with pytest.raises(ParameterError, match=message):
        build(tmp_path, "avr")
