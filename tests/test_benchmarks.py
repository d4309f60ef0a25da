"""What the single-neuron benchmarks show, at a smaller size; the arithmetic of the cost model; peers."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cost_model
import cost_page
import cost_run
import fi_curves
import firing_patterns
import noisy_drive
import numpy as np
import pytest
import series
import series_page
from cost_model import TERMS, Shape, counts, seconds
from single_neuron import euler_step, float_response, leak_step, neuron
from speed import cases, child, install, process, run
from speed.measure import Prepared

from expifref.data import Dataset, Samples
from expifref.network.hidden_layers import parse_layer
from expifref.training.settings import default_architecture, default_settings
from hw_profiles import load_profile

DOCS = Path(__file__).parents[1] / "docs"
DEFAULT = noisy_drive.VARIANTS[0]


@pytest.mark.parametrize(
    ("dt", "neurons", "seconds", "most_shift"), [(1e-4, 128, 0.4, 0.15), (1e-3, 128, 1.0, 0.05)]
)
def test_spikes_under_a_noisy_drive_stay_where_they_are(
    dt: float, neurons: int, seconds: float, most_shift: float
) -> None:
    """The goals of the project for a 16-bit membrane, rounded to nearest."""
    current = noisy_drive.ou_current(dt, neurons, seconds, seed=1)
    real = float_response(neuron(), current, dt)
    row = noisy_drive.variant_row(DEFAULT, current, real, dt)
    assert row["membrane"] == "s16.11"
    assert row["spikes"] > 2000
    assert row["count_error"] <= 0.001
    assert row["count_error_per_neuron"] <= 0.001
    assert row["within_2_ms"] >= 0.99
    assert row["mean_shift_ms"] <= most_shift
    assert row["membrane_nrmse"] <= 0.05
    assert row["table_bits"] <= 8192
    assert row["saturated"] == 0


def test_a_bursting_neuron_keeps_its_bursts() -> None:
    """The goals of the project for the firing patterns of an adaptive neuron, for the worst of the six."""
    (pattern,) = (one for one in firing_patterns.PATTERNS if one.name == "regular bursting")
    row = firing_patterns.row(pattern, load_profile("generic-16bit"))
    assert row["membrane"] == "s16.10"
    assert row["spikes"] == row["integer_spikes"] == 5
    assert row["mean_shift_ms"] <= 0.2
    assert row["membrane_nrmse"] <= 0.05
    assert row["saturated"] == 0


def test_cheaper_schemes_in_float_are_further_off_than_the_integers() -> None:
    dt = 1e-3
    current = noisy_drive.ou_current(dt, 64, 0.5, seed=0)
    real = float_response(neuron(), current, dt)
    assert noisy_drive.measure(real, real, dt)["within_2_ms"] == 1
    for step in (leak_step, euler_step):
        row = noisy_drive.measure(real, float_response(neuron(), current, dt, step), dt)
        assert row["count_error"] > 0.02
        assert row["within_2_ms"] < 0.7


def test_the_current_is_the_stated_process() -> None:
    current = noisy_drive.ou_current(1e-3, 2000, 0.2, seed=0) * 1e3
    noise = current - np.linspace(2, 20, 2000)
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert noise[0].std() == pytest.approx(8, rel=0.05)
    lagged = float(np.mean(noise[5:] * noise[:-5])) / 64
    assert lagged == pytest.approx(np.exp(-1), abs=0.03)


@pytest.mark.parametrize("name", fi_curves.NEURONS)
@pytest.mark.parametrize("dt", fi_curves.STEPS_SECONDS)
def test_spike_counts_follow_the_float_curve(name: str, dt: float) -> None:
    entry = fi_curves.curve(fi_curves.NEURONS[name], dt, seconds=max(0.3, 1e3 * dt))
    assert entry["membrane"].startswith("s16.")
    assert len(entry["float_spikes"]) == 50
    assert entry["float_spikes"][0] == 0
    assert entry["equal"] >= 49
    assert entry["worse"] == 0
    assert entry["saturated"] == 0


def test_run_writes_json_and_a_picture(tmp_path: Path) -> None:
    document = noisy_drive.run(tmp_path, neurons=4, seconds=0.02)
    assert json.loads((tmp_path / "noisy_drive.json").read_text()) == document
    assert len(document["rows"]) == 2 * (2 + len(noisy_drive.VARIANTS))
    fi_curves.run(tmp_path, seconds=0.02)
    for name in ("noisy_drive.png", "fi_curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


# The cost model -------------------------------------------------------------------------------------------


def test_operations_and_bytes_are_counted_from_the_shape() -> None:
    shape = Shape((100, 20, 5), steps=3, batch=2, density=0.1, hidden=0.5)
    assert counts(shape) == {
        "call": 1,
        "layer_step": 3 * 2,
        "sample_step": 3 * 2 * 2,
        "input": 3 * 2 * (100 + 20),
        "event": 3 * 2 * (100 * 0.1 * 32 + 20 * 0.5 * 16),  # neurons in sixteens
        "far_event": 0,
        "mac": 3 * 2 * (100 * 20 + 20 * 5),
        "product": 3 * 2 * (100 * 20 + 20 * 5),
        "weight": 3 * (100 * 20 + 20 * 5),
        "far_weight": 0,
        "neuron": 3 * 2 * (20 + 5),
        "trace": 3 * 2 * 5 * 8,
        "page": 0,
    }


def test_constant_inputs_are_multiplied_once_except_by_the_emulator() -> None:
    changing = Shape((100, 20, 5), steps=3, batch=2, density=0.1)
    saved = {
        name: count - counts(replace(changing, constant=True))[name]
        for name, count in counts(changing).items()
    }
    assert {name: count for name, count in saved.items() if count} == {
        "event": 2 * 2 * 100 * 0.1 * 32,
        "mac": 2 * 2 * 100 * 20,
    }


def test_all_signals_and_many_weights_cost_more() -> None:
    small = Shape((8, 20), steps=50, batch=1000, density=0.1, traces=True)
    assert counts(small)["trace"] == 50 * 1000 * 5 * 20 * 8
    assert counts(small)["page"] == 0
    assert counts(replace(small, batch=2000))["page"] == 50 * 2000 * 5 * 20 * 8
    wide = counts(Shape((4096, 2048, 16), steps=2, batch=3, density=0.5))
    assert wide["far_weight"] == 2 * 4096 * 2048
    assert wide["far_event"] == 2 * 3 * 2048 * 2048


@pytest.mark.parametrize("executor", TERMS)
def test_the_calibration_finds_the_costs_that_its_runs_were_made_with(executor: str) -> None:
    measured_costs = json.loads((DOCS / "cost_model.json").read_text(encoding="utf-8"))["costs"]
    costs = {term: max(cost, 1e-12) for term, cost in measured_costs[executor].items()}
    assert tuple(costs) == TERMS[executor]
    times = {term: seconds(cost_run.CALIBRATION[term], costs) for term in TERMS[executor]}
    assert cost_model.fit(cost_run.CALIBRATION, times) == pytest.approx(costs, rel=1e-3)


def test_a_cost_is_never_negative() -> None:
    runs = {"call": Shape((1, 1), 1, 1, 1.0), "neuron": Shape((1, 1000), 1, 1, 1.0)}
    assert cost_model.fit(runs, {"call": 1.0, "neuron": 0.5}) == {"call": 1.0, "neuron": 0.0}


def test_no_predicted_run_is_one_that_costs_are_taken_from() -> None:
    assert len(set(cost_run.GRID)) == len(cost_run.GRID) >= 12
    assert not set(cost_run.GRID) & set(cost_run.CALIBRATION.values())


def test_memory_is_what_is_returned_the_input_and_what_an_executor_holds_beside() -> None:
    shape = Shape((100, 20, 5), steps=3, batch=2, density=0.1)
    returned, inputs, state = 3 * 2 * 5 * 8, 3 * 2 * 100, 2 * 25 * 8
    assert cost_model.memory(shape, "native") == returned + inputs + 4 * state
    assert cost_model.memory(shape, "jax") == returned + 2 * inputs + 4 * state
    assert cost_model.memory(shape, "emulator") == returned + inputs + 8 * state + 4 * 2000
    many = replace(shape, batch=50_000)
    assert cost_model.memory(many, "jax") == 25_000 * (returned + inputs + 4 * state) + (4 << 20)
    assert cost_model.memory(many, "emulator") == 25_000 * (returned + inputs + 16 * state)


def test_the_page_is_that_of_the_numbers_and_counts_what_it_misses() -> None:
    document = json.loads((DOCS / "cost_model.json").read_text(encoding="utf-8"))
    assert cost_page.page(document) == (DOCS / "cost_model.md").read_text(encoding="utf-8")
    runs = [one for row in document["rows"] for one in row["executors"].values()]
    assert len(runs) == len(TERMS) * len(document["rows"])
    for one in runs:
        one["measured_s"] = one["predicted_s"]
    assert "all are predicted within 2x" in cost_page.page(document)
    for missed, (one, factor) in enumerate(zip(runs, (3, 0.4), strict=False), 1):
        one["measured_s"] *= factor
        assert f"{len(runs) - missed} of {len(runs)} are predicted within 2x" in cost_page.page(document)


# Series ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", series.TASKS)
def test_settings_of_series_are_those_that_did_best_on_what_was_held_out(name: str) -> None:
    selection = json.loads((DOCS / "series_selection.json").read_text())[name]
    best = max(selection["candidates"], key=lambda row: row["held_out_accuracy"])
    chosen = selection["base"] | best["changed"]
    samples = Samples(np.zeros((1, 2, 3), np.float32), np.zeros(1, np.int64))
    data = Dataset(name, samples, samples, classes=1)
    settings = default_settings(data)
    assert default_architecture(data).layers == (parse_layer(chosen["layer"]),)
    for key in ("batch_size", "learning_rate", "decision"):
        assert getattr(settings, key) == chosen[key]


def test_the_page_of_series_is_that_of_its_numbers() -> None:
    results = {name: json.loads(series.result_file(name).read_text()) for name in series.TASKS}
    for document in results.values():
        assert series.means(document["seeds"]) == document["mean_accuracy"]
    selections = json.loads((DOCS / "series_selection.json").read_text())
    assert series_page.page(results, selections) == (DOCS / "series.md").read_text()


def test_series_go_on_where_an_interrupted_run_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    def command(*arguments: object) -> dict[str, int]:
        calls.append(arguments)
        return {"epochs": 3}

    monkeypatch.setattr(series, "WORK", tmp_path)
    monkeypatch.setattr(series, "expifref", command)
    assert [series.kept("a", "train", 1) for _ in range(2)] == [{"epochs": 3}] * 2
    assert calls == [("train", 1)]


# The speed benchmarks -------------------------------------------------------------------------------------


def test_every_case_can_be_called_and_every_goal_names_cases() -> None:
    names = {(case.group, case.name) for case in cases.CASES}
    assert len(names) == len(cases.CASES)
    for goal in cases.GOALS:
        assert (goal.group, goal.case) in names
        assert not isinstance(goal, cases.Goal) or (goal.group, goal.other) in names
    for case in cases.CASES:
        module, _, function = case.call.rpartition(".")
        source = (Path(cases.__file__).parent / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert f"\ndef {function}(" in source
        assert case.peer is None or case.peer in install.PEERS


def test_a_peer_without_its_python_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_FOLDER", tmp_path)
    monkeypatch.setattr(install, "PEERS", {"old": install.Peer(("x",), "3.1"), "new": install.Peer(("x",))})
    assert install.find_python("3.1") is None
    reason = "old needs Python 3.1, which is not here: install it, then `make bench-peers`"
    assert install.why_missing("old") == reason
    assert install.why_missing("new") == "new is not installed: `make bench-peers`"
    (tmp_path / "new" / "bin").mkdir(parents=True)
    install.peer_python("new").touch()
    assert install.why_missing("new") is None
    running = process.Running(cases.Case("W2", "old", "peers.old.w2", "old"), tmp_path, tmp_path)
    running.time()
    running.end()
    running.stop()
    assert running.result.not_run == reason
    assert running.result.rounds == []
    assert not running.result.broke


def test_a_case_that_ends_early_has_broken(tmp_path: Path) -> None:
    running = process.Running(cases.Case("W2", "ours", "ours.no_such_case"), tmp_path, tmp_path)
    running.stop()
    assert running.result.broke
    assert "no_such_case" in str(running.result.not_run)


def test_some_groups_are_not_written_over_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["speed.run", "--group", "W1"])
    with pytest.raises(SystemExit, match="2"):
        run.main()
    assert "name another folder with --out" in capsys.readouterr().err


def test_a_python_is_found_on_the_path_and_a_stand_in_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / f"python{version}").symlink_to(sys.executable)
    (tmp_path / "python3.1").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.1").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.find_python(version) == str(tmp_path / f"python{version}")
    assert install.find_python("3.1") is None


def test_the_cpu_time_of_processes_that_live_on_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = SimpleNamespace(perf_counter=iter([1.0, 4.0]).__next__, process_time=iter([2.0, 2.5]).__next__)
    ended = iter([SimpleNamespace(ru_utime=1.0, ru_stime=0.5), SimpleNamespace(ru_utime=1.25, ru_stime=2.5)])
    monkeypatch.setattr(child, "time", clocks)
    monkeypatch.setattr("resource.getrusage", lambda _who: next(ended))
    elsewhere = iter([5.0, 12.5])
    prepared = Prepared(run=lambda: None, elsewhere=lambda: next(elsewhere))
    assert child._timed(prepared) == (0.5 + (0.25 + 2.0) + 7.5, 3.0)
