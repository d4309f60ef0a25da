"""The types of stored arrays follow from the program, and hold whatever it computes."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.run.emulator import Emulator
from quantize.run.stored import MANIFEST, file_names, totals_arrays, totals_layout, trace_layout
from tests.programs import random_input, random_program


@pytest.mark.parametrize("seed", range(16))
def test_every_value_fits_its_type(seed: int) -> None:
    program = random_program(seed)
    spikes = random_input(program, 9, 4, seed)
    emulator = Emulator(program)
    cases = [
        (trace_layout(program, program.signal_names, 9, 4), emulator.run(spikes).signals),
        (totals_layout(program, 9, 4), totals_arrays(emulator.totals(spikes))),
    ]
    for layout, arrays in cases:
        assert list(layout) == list(arrays)
        for name, values in arrays.items():
            assert layout[name].shape == values.shape
            np.testing.assert_array_equal(values.astype(layout[name].dtype), values, err_msg=name)
            assert f"{name}.npy" in file_names(program)
    assert MANIFEST in file_names(program)


def test_narrow_types_by_format() -> None:
    program = random_program(3, layers=2, readout=True)
    signals = trace_layout(program, program.signal_names, 100, 1)
    assert signals["layer0.spikes"].dtype == np.int8
    fmt = program.graph.by_name["layer0"].states["membrane"].format
    info = np.iinfo(signals["layer0.membrane"].dtype)
    assert info.min <= fmt.lo
    assert fmt.hi <= info.max
    counts = [totals_layout(program, steps, 1)["counts.layer0.spikes"].dtype for steps in (127, 128)]
    assert counts == [np.int8, np.int16]


def test_sums_that_would_outgrow_64_bits_are_kept_in_64() -> None:
    program = random_program(3, layers=2, readout=True)
    assert totals_layout(program, 1 << 60, 1)["output"].dtype == np.int64
