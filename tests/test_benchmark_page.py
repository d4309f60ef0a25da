"""The page of `make bench`: devices beside what others reach, two cores, what bounds what."""

import json
from pathlib import Path
from typing import Any

import pytest
from speed import bounds, device_page, fpga_rows, page, records
from speed.cases import GOALS, GROUPS, Scaling
from speed.figures import count, number

_OLD = {
    "date": "2026-11-23",
    "network": [784, 128, 10],
    "profile": "ecp5-25f",
}
_CLOCKS = _OLD | {"what": "clocks", "steps": 16, "clocks_per_image": 800_000, "active_inputs_per_step": 360.0}
_PLACED = _OLD | {
    "what": "network",
    "part": "LFE5U-25F-6",
    "cells": {"TRELLIS_COMB": 2_000, "MULT18X18D": 11, "DP16KD": 56},
    "fmax_mhz": 80.0,
}
_FAST = {"date": "2026-11-28", "lanes": [16, 2], "hold": True, "pipelines": [2, 1]}
_FAST_CLOCKS = _CLOCKS | _FAST | {"clocks_per_sample": 5_000.0}
_FAST_PLACED = _PLACED | _FAST | {"fmax_mhz": 65.0, "used": {"LUT": 4_000}}


def test_rows_are_the_newest_of_each_part_and_form() -> None:
    other = _CLOCKS | {"network": [64, 128, 10], "clocks_per_image": 1}
    longer = _CLOCKS | {"steps": 25, "clocks_per_image": 2}
    stale = _CLOCKS | {"clocks_per_image": 900_000}
    rows = fpga_rows.newest([_FAST_CLOCKS, stale, _CLOCKS, other, longer, _PLACED, _FAST_PLACED])
    smallest, fast = rows
    assert (smallest.form, smallest.clocks, smallest.date) == ("smallest", 800_000, "2026-11-23")
    assert smallest.used == {"LUT": 2_000, "multipliers": 11, "block RAM": 56}
    assert smallest.per_second == 100
    assert smallest.per_lut == 0.05
    assert fast.form == "16 and 2 lanes, 2 and 1 pipelines, held input"
    assert fast.per_second == pytest.approx(13_000)
    assert fast.per_lut == pytest.approx(3.25)


def test_clocks_and_placement_of_different_forms_are_not_joined() -> None:
    rows = fpga_rows.newest([_FAST_CLOCKS, _PLACED])
    assert [(row.clocks, row.mhz, row.per_second) for row in rows] == [
        (None, 80.0, None),
        (5_000.0, None, None),
    ]


def test_a_part_that_is_only_synthesized_has_its_own_row() -> None:
    artix = _PLACED | {"part": "XC7A35T, synthesis only", "cells": {"LUT2": 3, "LUT6": 4}, "fmax_mhz": None}
    (row,) = fpga_rows.newest([artix])
    assert (row.profile, row.used, row.floor) == ("artix7-35t", {"LUT": 7}, None)


def test_floors_follow_from_lanes_pipelines_and_a_held_input() -> None:
    smallest, fast = fpga_rows.newest([_CLOCKS, _FAST_CLOCKS])
    assert smallest.floor == fpga_rows.Floor(weights=360 * 128 * 16, updates=128 * 16)
    assert fast.floor == fpga_rows.Floor(weights=360 * 128 / 16, updates=128 * 16 / 2)
    assert smallest.clocks is not None
    assert smallest.clocks > smallest.floor.weights + smallest.floor.updates


def test_devices_stand_beside_every_record() -> None:
    lines = device_page.device_sections({"fpga_results": [_FAST_CLOCKS, _FAST_PLACED]})
    text = "\n".join(lines)
    row = "| ecp5-25f | 5,000 | 65.0 | 13,000 | 4,000 |  |  | 3.25 | 2026-11-28; goal >= 10,000 images/s |"
    assert row in text
    assert "Images a second for each LUT: 3.25, of others at most 0.56; the goal is 1.5." in text
    assert all(record.name in text and record.source in text for record in records.FPGAS)


def test_missing_measurements_are_named_as_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_page, "_FOLDER", tmp_path)
    assert device_page.recorded() == {}
    text = "\n".join(device_page.device_sections({}))
    assert "| expifref | not run |" in text
    assert "Not run: `expifref measure`" in text


def test_instructions_are_those_of_the_recorded_measurement() -> None:
    recorded = device_page.recorded()
    layer = recorded["measurements"]["measured"]["cortex-m4"]["instructions"]["layer0"]
    text = "\n".join(device_page.device_sections(recorded))
    assert f"| Cortex-M4 | layer0 | {number(layer['each synaptic event'])} |" in text
    assert recorded["measurements"]["date"] in text
    assert all(record.name in text for record in records.CORES)


def _case(cpu: float, wall: float) -> dict[str, Any]:
    times = [{"cpu": cpu, "wall": wall}]
    return {"rounds": times, "first_s": 1, "peak_mb": 1, "found": {}, "versions": {}, "not_run": None}


def test_the_page_tells_how_two_cores_scale_and_what_bounds_each_target() -> None:
    (goal,) = (one for one in GOALS if isinstance(one, Scaling) and one.case == "native, 2 threads")
    assert GROUPS[goal.group].cores == 2
    document = {
        **dict.fromkeys(("date", "cpu", "cores", "load", "system", "rounds"), "-"),
        "notes": [],
        "devices": device_page.recorded(),
        "results": {
            goal.group: {goal.other: _case(1.0, 1.0), goal.case: _case(1.05, 0.6)},
            "W1": {"expifref native": _case(0.01, 0.01)},
        },
    }
    text = page.page(json.loads(json.dumps(document)))
    assert (
        f"{goal.case}, times as fast as {goal.other}, by CPU time on 2 cores | 1.90 | >= 1.8 | met |" in text
    )
    assert f"{goal.case}, times as fast as {goal.other} | 1.67 | >= 1.8 | **missed** |" in text
    assert "W1, native, one core: 1.00 updates of neurons in a nanosecond." in text
    for target in ("W2", "Two cores", "FPGA", "Microcontrollers", "GPU"):
        assert f"\n- **{target}" in text


def test_bounds_without_a_run_have_no_rates() -> None:
    assert not any("nanosecond" in line for line in bounds.bounds({}, {}))


def test_figures_have_about_three_digits() -> None:
    assert [number(value) for value in (None, 1234.5, 56.78, 0.917)] == ["", "1,234", "56.8", "0.92"]
    assert [count(value) for value in (None, 8, 26.5)] == ["", "8", "26.5"]
