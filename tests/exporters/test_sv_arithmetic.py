"""Rounding and overflow in SystemVerilog: every value of a small range, every mode, every shift."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from exporters.emitter import Emitter
from exporters.running import run_tool
from exporters.systemverilog.arithmetic import overflowed, rounded
from exporters.systemverilog.pipeline import Pipeline
from exporters.systemverilog.values import Value, extend, literal
from exporters.tools import require_tool
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding, overflow, round_shift
from quantize.numbers.intervals import Interval
from tests.tools import need

_LO, _HI = -70, 60
_SHIFTS = (0, 1, 2, 3, 5, 9)
_FORMATS = (
    Format(True, 4, 0),
    Format(False, 3, 0),
    Format(True, 1, 0),
    Format(False, 1, 0),
    Format(True, 9, 0),
)


def run_all(pipe: Pipeline, results: list[Value], folder: Path) -> list[list[int]]:
    """The value of every result for every `x`."""
    x = Value("x", Interval(_LO, _HI), 0)
    e = Emitter()
    e("module bench;")
    with e.indent():
        e(f"logic signed [{x.width - 1}:0] x;")
        pipe.write(e)
        e(f"initial for (int n = {_LO}; n <= {_HI}; n++) begin")
        with e.indent():
            e(f"x = {x.width}'(n); #1;")
            for result in results:
                e(f'$write("%0d ", $signed({result.name}));')
            e('$write("\\n");')
        e("end")
    e("endmodule")
    (folder / "bench.sv").write_text(str(e))
    run_tool("iverilog", ["-g2012", "-o", "bench.vvp", "bench.sv"], folder)
    command = [str(require_tool("iverilog").with_name("vvp")), "-n", "bench.vvp"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_of_every_value(mode: Rounding, tmp_path: Path) -> None:
    need("iverilog")
    pipe = Pipeline()
    x = Value("x", Interval(_LO, _HI), 0)
    results = [rounded(pipe, f"y{i}", x, shift, mode) for i, shift in enumerate(_SHIFTS)]
    expected = [[round_shift(n, shift, mode) for shift in _SHIFTS] for n in range(_LO, _HI + 1)]
    assert run_all(pipe, results, tmp_path) == expected


@pytest.mark.parametrize("mode", list(Overflow))
def test_overflow_of_every_value(mode: Overflow, tmp_path: Path) -> None:
    need("iverilog")
    pipe = Pipeline()
    x = Value("x", Interval(_LO, _HI), 0)
    sites = [Quantizer(fmt, Rounding.TRN, mode) for fmt in _FORMATS]
    results = [overflowed(pipe, f"y{i}", x, site) for i, site in enumerate(sites)]
    expected = [[overflow(n, site.format, mode) for site in sites] for n in range(_LO, _HI + 1)]
    assert run_all(pipe, results, tmp_path) == expected


@pytest.mark.parametrize(
    ("value", "width", "text"), [(5, 4, "4'sd5"), (-5, 4, "-4'sd5"), (-8, 4, "-4'sd8"), (0, 1, "1'sd0")]
)
def test_literals(value: int, width: int, text: str) -> None:
    assert literal(value, width) == text


def test_extend_casts_only_where_the_width_differs() -> None:
    value = Value("x", Interval(-8, 7), 0)
    assert (extend(value, 4), extend(value, 6)) == ("x", "6'(x)")


def test_a_value_cannot_be_used_before_it_is_known() -> None:
    with pytest.raises(ValueError, match=r"^`x` must be known at stage 1, not at 2 only$"):
        Pipeline().at(Value("x", Interval(0, 1), 2), 1)
