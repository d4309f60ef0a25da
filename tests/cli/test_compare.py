"""`expifref compare` with its options, and the guard of `quantize` and `run`."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from cli.fidelity import describe_first
from quantize.fidelity import Cause, Comparison
from quantize.fidelity.divergence import Attribution, Departure, Divergence

from .conftest import INPUTS, SAMPLES, STEPS, Workspace
from .edits import edit_json
from .reports import facts_of
from .shell import expifref, refused, succeeds

COSTS = {"spike_difference", "prediction_agreement", "membrane_rmse_mv"}


def coarse(work: Workspace, out: Path) -> Path:
    """A program whose spikes differ."""
    succeeds("quantize", work.model, "--dataset", work.data, "--out", out, "--weight-bits", 2)
    return out


def test_layers_have_every_measure(work: Workspace) -> None:
    result = succeeds("compare", work.model, work.program, "--dataset", work.data, "--json").json
    assert set(result["layers"]["readout"]) == {"readout_rmse", "readout_nrmse"}
    assert set(result["layers"]["layer0"]) == {
        "float_rate_hz",
        "program_rate_hz",
        "differing_spikes",
        "matched_within_1_step",
        "matched_within_2_ms",
        "mean_shift_ms",
        "worst_shift_ms",
        "victor_purpura",
        "van_rossum",
        "trains_measured",
        "membrane_rmse_mv",
        "membrane_nrmse",
        "float_silent_neurons",
        "program_silent_neurons",
        "silenced_neurons",
        "awakened_neurons",
        "float_saturated_neurons",
        "program_saturated_neurons",
    }


def test_budget_and_one_step(work: Workspace, tmp_path: Path) -> None:
    program, plot = coarse(work, tmp_path / "p.json"), tmp_path / "budget.png"
    command = ("compare", work.model, program, "--dataset", work.data, "--budget", "--one-step")
    result = succeeds(*command, "--plot", plot, "--json").json
    budget = result["budget"]
    assert list(budget["causes"]) == [cause.value for cause in Cause]
    for share in budget["causes"].values():
        assert set(share) == {"alone", "without"}
        assert set(share["alone"]) == set(share["without"]) == COSTS
    assert budget["samples"] == result["samples"] == 12
    assert budget["whole"]["spike_difference"] == result["spike_difference"] > 0
    assert budget["largest"] == "weights"
    assert result["first_divergence"]["attribution"]["cause"] == "weights"
    assert set(result["one_step_lsb"]["layer0.drive"]) == {"mean", "rms", "largest"}
    header = plot.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:]) == (1300, 572)
    printed = " ".join(succeeds(*command).out.split())
    assert "The largest share of the spikes that differ is due to weights." in printed
    assert "Errors of one step, in LSB" in printed


def test_recorded_signals(work: Workspace, tmp_path: Path) -> None:
    trace = tmp_path / "trace.npz"
    succeeds("emulate", work.program, "--input", work.spikes, "--out", trace)
    command = ("compare", work.model, work.program, "--input", work.spikes, "--trace", trace)
    result = succeeds(*command, "--json").json
    own = succeeds("compare", work.model, work.program, "--input", work.spikes, "--json").json
    assert result.pop("values_that_differ_from_the_program") == 0
    assert result == own
    assert result["samples"] == SAMPLES
    assert result["float_accuracy"] is None
    assert "values that differ from the program's" in succeeds(*command).out
    with np.load(trace) as arrays:
        wrong = {name: arrays[name] + (name == "layer0.membrane") for name in arrays}
    np.savez(trace, **wrong)
    changed = succeeds(*command, "--json").json["values_that_differ_from_the_program"]
    assert changed == STEPS * SAMPLES * wrong["layer0.membrane"].shape[2]


def test_recorded_signals_of_a_data_set(work: Workspace, tmp_path: Path) -> None:
    trace = tmp_path / "trace.npz"
    succeeds("emulate", work.program, "--input", work.spikes, "--out", trace)
    command = ("compare", work.model, work.program, "--dataset", work.data, "--trace", trace)
    # The recording has four samples, so the first four of the data set are taken.
    assert succeeds(*command, "--json").json["samples"] == SAMPLES


def test_recorded_signals_in_a_folder(work: Workspace, tmp_path: Path) -> None:
    emulate = ("emulate", work.program, "--input", work.spikes, "--out")
    succeeds(*emulate, tmp_path / "trace")
    succeeds(*emulate, tmp_path / "trace.npz")
    command = ("compare", work.model, work.program, "--input", work.spikes, "--json", "--trace")
    assert succeeds(*command, tmp_path / "trace") == succeeds(*command, tmp_path / "trace.npz")
    (tmp_path / "trace" / "layer0.spikes.npy").unlink()
    assert refused(tmp_path, *command, tmp_path / "trace") == (
        f"{tmp_path}/trace must hold the arrays layer0.spikes; it holds layer0.accumulator, layer0.drive, "
        "layer0.membrane, layer0.refractory, readout, readout.accumulator"
    )


def many_spikes(folder: Path) -> Path:
    """More samples than a range has, in a file that is mapped."""
    spikes = np.random.default_rng(2).integers(0, 256, (STEPS, 1100, INPUTS)).astype(np.uint8)
    np.save(folder / "many.npy", spikes)
    return folder / "many.npy"


@pytest.mark.parametrize("record", [False, True])
def test_samples_shared_among_processes(work: Workspace, tmp_path: Path, record: bool) -> None:
    program, spikes = coarse(work, tmp_path / "p.json"), many_spikes(tmp_path)
    command: tuple[object, ...] = ("compare", work.model, program, "--input", spikes, "--json")
    if record:
        succeeds("emulate", work.program, "--input", spikes, "--out", tmp_path / "trace")
        command = (*command, "--trace", tmp_path / "trace")
    alone = succeeds(*command)
    assert alone.json["samples"] == 1100
    assert alone.json["first_divergence"] is not None
    assert succeeds(*command, "--processes", 2) == alone


def test_an_error_in_another_process_is_a_sentence(work: Workspace, tmp_path: Path) -> None:
    narrow = edit_json(work.program, tmp_path / "p.json", "graph.input.format.bits", 1)
    spikes = np.zeros((STEPS, 1100, INPUTS), np.uint8)
    spikes[-1, -1, -1] = 2
    np.save(tmp_path / "in.npy", spikes)
    command = ("compare", work.model, narrow, "--input", tmp_path / "in.npy", "--processes", 2)
    assert refused(tmp_path, *command) == "the input must lie in 0..1, not in 0..2"


def test_options_that_do_not_go_together(work: Workspace, tmp_path: Path) -> None:
    command = ("compare", work.model, work.program, "--dataset", work.data)
    plot = refused(tmp_path, *command, "--plot", tmp_path / "budget.png")
    assert plot == "`--plot` draws the error budget: give `--budget` too"
    samples = refused(tmp_path, *command, "--trace", tmp_path / "trace.npz", "--samples", 3)
    assert samples == "`--samples` must be left out with `--trace`, which is compared as a whole"


def test_quantize_warns_and_strict_refuses(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "p.json"
    command = ("quantize", work.model, "--dataset", work.data, "--out", out)
    assert succeeds(*command, "--strict", "--json").json["warnings"] == []
    out.unlink()
    monkeypatch.setattr("quantize.fidelity.guard", lambda *_: ("layer0 is silent: do this", "and more"))
    message = refused(tmp_path, *command, "--strict")
    assert message == "`--strict` refuses the program (and 1 more): layer0 is silent: do this"
    assert not out.exists()
    assert "Warning: layer0 is silent: do this." in succeeds(*command).out
    helps = "`--profile generic-16bit` was tried on the calibration data and leaves nothing of this"
    warnings = succeeds(*command, "--json").json["warnings"]
    assert warnings == ["layer0 is silent: do this", "and more", helps]


def test_run_refuses_with_strict(work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantize.fidelity.guard", lambda *_: ("layer0 is silent: do this",))
    options = ("--dataset", work.data, "--hidden", 4, "--epochs", 1, "--out", tmp_path / "out", "--strict")
    outcome = expifref("run", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "expifref: `--strict` refuses the program: layer0 is silent: do this\n"
    assert not (tmp_path / "out" / "program.json").exists()


FIRST = Divergence(4, "layer0", 2, 7, "layer0.spikes", 1, 0, -30.0, -31.25)
DRIVE = Departure(3, "layer0.drive", 10.24, 12)


@pytest.mark.parametrize(
    ("attribution", "why"),
    [
        (
            Attribution(Cause.WEIGHTS, (Cause.WEIGHTS,), (), Cause.WEIGHTS, DRIVE),
            " Its drive leaves the float course in step 3 (10.2 LSB in float, 12 in integers)."
            " The cause is weights: without it they agree there, and only then.",
        ),
        (
            Attribution(Cause.TABLES, (Cause.DRIVE, Cause.TABLES), (Cause.TABLES,), Cause.DRIVE, None),
            " The cause is tables: without it they agree there, and it alone would part them too.",
        ),
        (
            Attribution(None, (Cause.DRIVE, Cause.TABLES), (), Cause.DRIVE, None),
            " No single cause: they agree there without any one of drive, tables."
            " The largest share is drive.",
        ),
        (
            Attribution(None, (), (Cause.MEMBRANE,), Cause.MEMBRANE, None),
            " No single cause makes it go away (membrane would part them alone)."
            " The largest share is membrane.",
        ),
        (None, ""),
    ],
)
def test_the_first_divergence_in_words(attribution: Attribution | None, why: str) -> None:
    first = Divergence(**(vars(FIRST) | {"attribution": attribution}))
    assert describe_first(Comparison([], 1e-3, first=first)) == (
        "They first part at step 4, layer0, sample 2, neuron 7: only the float network spikes "
        f"(membrane -30.000 mV in float, -31.250 mV in integers).{why}"
    )


def test_a_foreign_record_is_called_so() -> None:
    first = Divergence(4, "layer0", 2, 7, "layer0.spikes", 0, 1, -30.0, None)
    assert describe_first(Comparison([], 1e-3, first=first, differing_values=9)) == (
        "They first part at step 4, layer0, sample 2, neuron 7: only the program spikes. "
        "These are not the program's values, so none of its causes explains them."
    )
    assert describe_first(Comparison([], 1e-3)) == "No spike differs."


def test_a_page_to_look_at(work: Workspace, tmp_path: Path) -> None:
    program, page = coarse(work, tmp_path / "p.json"), tmp_path / "page.html"
    command = ("compare", work.model, program, "--dataset", work.data, "--budget", "--report", page, "--json")
    result = succeeds(*command).json
    facts = facts_of(page)
    assert {key: facts[key] for key in result} == result
    assert {"network", "sites", "tables", "devices"} <= facts.keys()
    text = page.read_text(encoding="utf-8")
    sections = {"overview", "network", "courses", "divergence", "budget", "sites", "tables", "devices"}
    assert set(re.findall(r'<section id="(\w+)"', text)) == sections


def test_a_page_of_a_recording_shows_no_course_of_the_program(work: Workspace, tmp_path: Path) -> None:
    trace, page = tmp_path / "trace.npz", tmp_path / "page.html"
    given = ("--input", work.spikes)
    succeeds("emulate", work.program, *given, "--out", trace)
    succeeds("compare", work.model, work.program, *given, "--trace", trace, "--report", page)
    assert '<section id="courses"' not in page.read_text(encoding="utf-8")
