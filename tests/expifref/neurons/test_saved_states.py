"""Full-state checkpoints of `brainpy.state` networks go on with the neurons of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brainstate
import braintools
import jax
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import Linear, Sequential

import expifref
from expifref.exceptions import ExpifrefError, FileFormatError

bp = pytest.importorskip("brainpy.state")

_STEPS = 30
_REST = braintools.init.Constant(-65.0 * u.mV)


def network(neurons: Any, name: str) -> Any:
    options: dict[str, Any] = {"R": 1.0 * u.ohm, "V_th": -40.0 * u.mV, "spk_reset": "hard"}
    options |= {"V_reset": -68.0 * u.mV, "V_rest": -65.0 * u.mV, "V_initializer": _REST}
    if name.endswith("Ref"):
        options["tau_ref"] = 1.5 * u.ms
    neuron = getattr(neurons, name)(4, **options)
    net = Sequential(Linear(3, 4), lambda x: x * u.mA, neuron)
    brainstate.nn.init_all_states(net, 2)
    return net


def run(net: Any, first: int, steps: int) -> Any:
    inputs = np.random.default_rng(0).normal(60.0, 60.0, (first + steps, 2, 3)).astype(np.float32)[first:]

    def step(index: Any, x: Any) -> Any:
        with brainstate.environ.context(t=index * 0.1 * u.ms):
            return net(x)

    return np.asarray(brainstate.transform.for_loop(step, np.arange(first, first + steps), inputs))


@pytest.mark.parametrize("name", ["ExpIF", "ExpIFRef", "AdExIF", "AdExIFRef", "LIF", "LIFRef"])
def test_a_file_of_the_other_network_is_loaded_whole(name: str, tmp_path: Path) -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        upstream, ours = network(bp, name), network(expifref, name)
        upstream.layers[2].V.value = -61.5 * u.mV + upstream.layers[2].V.value * 0.0
        expifref.load_states(ours, braintools.file.msgpack_save(str(tmp_path / "states"), upstream.states()))
        for path, state in upstream.states().items():
            same = jax.tree.map(
                lambda one, other: bool((one == other).all()), state.value, ours.states()[path].value
            )
            assert all(jax.tree.leaves(same)), path


@pytest.mark.parametrize("name", ["AdExIFRef", "LIFRef"])
def test_a_run_goes_on_from_states_without_a_count(name: str) -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.random.seed(1)
        ours, again = network(expifref, name), network(expifref, name)
        run(ours, 0, _STEPS)
        states = {path: one for path, one in ours.states().items() if path[-1] != "refractory_count"}
        expifref.load_states(again, states, t=_STEPS * 0.1 * u.ms)
        np.testing.assert_array_equal(
            again.layers[2].refractory_count.value, ours.layers[2].refractory_count.value
        )
        assert again.layers[2].refractory_count.value.any()
        np.testing.assert_array_equal(run(again, _STEPS, _STEPS), run(ours, _STEPS, _STEPS))
        np.testing.assert_array_equal(again.layers[2].V.value.mantissa, ours.layers[2].V.value.mantissa)


def test_the_count_follows_from_the_last_spike() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        upstream, ours = (one.LIFRef(6, tau_ref=0.45 * u.ms) for one in (bp, expifref))
        brainstate.nn.init_all_states(upstream)
        brainstate.nn.init_all_states(ours)
        ages = np.array([1, 2, 3, 4, 5, 1e6])
        upstream.last_spike_time.value = (7.0 - 0.1 * ages).astype(np.float32) * u.ms
        expifref.load_states(
            ours, {"V": upstream.V.value, "last_spike_time": upstream.last_spike_time}, t=7.0 * u.ms
        )
        np.testing.assert_array_equal(ours.refractory_count.value, [4, 3, 2, 1, 0, 0])
        assert ours.refractory_count.value.dtype == np.int32


def saved(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "V": np.full(4, -60.0) * u.mV,
        "last_spike_time": np.full(4, 3.0) * u.ms,
    } | changes
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        (saved(V=None), "V is missing"),
        (saved(w=np.zeros(4) * u.mA), "w is unknown to the module"),
        (saved(V=np.zeros(3) * u.mV), "`V` must be saved with the shape that the module has, (4,), not (3,)"),
        (saved(V=np.zeros(4)), "`V` must be saved as what the module keeps there"),
        (saved(), "`t`, the time of the step that comes next, must be given"),
        (3, "`saved` must be states by their paths or a file, not a int"),
        ("no such file", "must be a file of `braintools.file.msgpack_save`"),
    ],
)
def test_other_states_are_refused_and_none_is_set(states: Any, reason: str) -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        ours = expifref.ExpIFRef(4)
        brainstate.nn.init_all_states(ours)
        with pytest.raises(ExpifrefError) as error:
            expifref.load_states(ours, states)
        assert reason in str(error.value)
        np.testing.assert_array_equal(ours.V.value.to_decimal(u.mV), np.full(4, -65.0))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    for content in (b"nothing", b"\x01"):
        (tmp_path / "states").write_bytes(content)
        with pytest.raises(FileFormatError, match="states` must"):
            expifref.load_states(expifref.ExpIFRef(4), tmp_path / "states")
