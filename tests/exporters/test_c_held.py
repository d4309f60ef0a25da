"""An input that stays the same: what it makes is computed once, and every step gives every bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporters.c.executor import parse_trace
from exporters.c.network import c_files
from exporters.running import lay_out, run_tool
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.run.emulator import GraphEmulator
from tests.emitted_c import LABEL, small, source_of
from tests.graphs import random_graph, random_graph_input
from tests.tools import need

HELD = """
#include <inttypes.h>
#include <stdio.h>
#include "network.h"

int main(void)
{
    static uint8_t spikes[EXPIFREF_INPUTS];
    static expifref_output readout[EXPIFREF_OUTPUTS];
    expifref_reset();
    if (fread(spikes, 1U, EXPIFREF_INPUTS, stdin) != EXPIFREF_INPUTS) {
        return 1;
    }
    expifref_input(spikes);
    for (uint32_t step = 0U; step < 8U; ++step) {
        expifref_held_step(readout);
        for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
            for (uint32_t j = 0U; j < expifref_signal_size(signal); ++j) {
                (void)printf("%" PRId64 "\\n", expifref_signal(signal, j));
            }
        }
    }
    return 0;
}
"""

CURRENTS = [seed for seed in range(3000, 3020) if random_graph(seed).input.graded]


def test_what_a_held_input_makes_is_computed_once() -> None:
    body, feeds = small()
    state = body.state("s", Format(True, 16, 0))
    held = body.mul(body.feed(0, "a"), body.constant("c", 5), "held")
    site = Quantizer(Format(True, 16, 0), Rounding.TRN, Overflow.WRAP)
    body.next["s"] = body.overflow(body.add(state, held), site, "after")
    layer = body.layer("layer0", 2, feeds, "after")
    source = source_of(layer, bits=4)
    hold, update = source.index("static void layer0_hold"), source.index("static void layer0_update")
    assert "layer0_held[j] = (int16_t)held;" in source[hold:update]
    assert "const int32_t held = layer0_held[j];" in source[update:]
    assert "a * c" not in source[update:]
    assert "layer0_hold" not in source_of(layer)


@pytest.mark.parametrize("seed", CURRENTS)
def test_a_held_input_gives_every_bit(seed: int, tmp_path: Path) -> None:
    need("gcc")
    graph = random_graph(seed)
    lay_out(tmp_path, {**c_files(graph, LABEL), "held.c": HELD})
    run_tool("gcc", ["-std=c99", "-O1", "-o", "held", "network.c", "held.c"], tmp_path)
    one = random_graph_input(graph, 1, 1, 0)
    done = subprocess.run([tmp_path / "held"], input=one.tobytes(), capture_output=True, check=True)
    trace = np.array(done.stdout.split(), "<i8").tobytes()
    found = parse_trace(graph, trace, 8, 1)
    wanted = GraphEmulator(graph).run(np.repeat(one, 8, axis=0))
    for name, values in wanted.signals.items():
        assert (found[name] == values).all(), name
    for name, values in wanted.state.items():
        assert (found[name][-1] == values).all(), name
