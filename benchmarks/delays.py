"""A task that needs delays: how many steps lie between a spike of one input and a spike of another.

    python benchmarks/delays.py [--out DIR]

Input A spikes once, B 1 to 12 steps later; the class is that lag. A relay layer copies both inputs; each of
its neurons reaches those behind it after a delay of its own, drawn once and not trained: some get both
spikes at once. The same network without delays is trained beside it. Both are lowered, and the program's
signals are compared between all executors that are there, the slow ones on a sample. Prints one JSON object,
and writes it to DIR.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from expifref.files.writing import write_text
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.modules import Parameters, parameters, pure_run, with_parameters
from exporters.executors import all_executors, sample_limits
from exporters.verification import Terms, verify
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.choice import choose
from quantize.lowering.lower import lower
from quantize.run.emulator import Emulator

LAGS = 12
STEPS, RELAYS, HIDDEN = 32, 48, 96
TAU = 1.5e-3
"""s, of membranes that forget a spike long before the largest lag."""

PROFILE = "generic-16bit"


def recordings(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Spikes `[steps, count, 2]` and the lags less one, `[count]`."""
    rng = np.random.default_rng(seed)
    lags = rng.integers(1, LAGS + 1, count)
    first = rng.integers(0, STEPS - 2 * LAGS - 2, count)
    spikes = np.zeros((STEPS, count, 2), np.uint8)
    spikes[first, np.arange(count), 0] = 1
    spikes[first + lags, np.arange(count), 1] = 1
    return spikes, lags - 1


def network(delays: NDArray[np.int64], seed: int) -> Description:
    """Relays, which alternately hear A and B, hidden neurons behind their `delays`, and a readout."""
    rng = np.random.default_rng(seed)
    copies = np.zeros((2, RELAYS))
    copies[np.arange(RELAYS) % 2, np.arange(RELAYS)] = 150e-3
    inward = rng.normal(6e-3, 12e-3, (RELAYS, HIDDEN))
    outward = rng.normal(0, 1, (HIDDEN, LAGS)) / np.sqrt(HIDDEN)
    relay = SpikingDescription(
        "relay", (FeedDescription(INPUT, copies),), np.zeros(RELAYS), None, _neurons(RELAYS)
    )
    hidden = SpikingDescription(
        "hidden", (FeedDescription("relay", inward, delays),), np.zeros(HIDDEN), None, _neurons(HIDDEN)
    )
    readout = ReadoutDescription("readout", (FeedDescription("hidden", outward),), np.zeros(LAGS), None)
    return Description(1e-3, 2, (relay, hidden, readout), "rate", STEPS)


def _neurons(count: int) -> NeuronParameters:
    values = (1.0, TAU, 1e-3, -30e-3, -68e-3, -65e-3, -59.9e-3, 3.48e-3, -65e-3)
    return NeuronParameters(*(np.full(count, value) for value in values))


def trained(description: Description, updates: int, seed: int) -> Description:
    """With the weights behind the relays trained: an own loop around `expifref.network.modules.pure_run`."""
    values = parameters(description)
    sizes = {name: float(jnp.abs(value).mean()) or 1.0 for name, value in values.items()}
    sizes["hidden.bias"], sizes["readout.bias"] = 1.0, 0.1
    fixed = {name: value for name, value in values.items() if name.startswith("relay")}
    free = {name: value / sizes[name] for name, value in values.items() if name not in fixed}
    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, updates))

    def physical(free: Parameters) -> Parameters:
        return fixed | {name: value * sizes[name] for name, value in free.items()}

    def loss(free: Parameters, spikes: Any, labels: Any) -> Any:
        run = pure_run(description, physical(free), spikes)
        crossed = optax.softmax_cross_entropy_with_integer_labels(run.output.sum(axis=0), labels).mean()
        busy = jax.nn.relu(run.spikes[1].sum(axis=0).mean(axis=0) - 3.0)
        return crossed + 0.01 * (busy**2).mean()

    @jax.jit
    def update(free: Parameters, state: Any, spikes: Any, labels: Any) -> tuple[Parameters, Any]:
        gradients = jax.grad(loss)(free, spikes, labels)
        steps, state = optimizer.update(gradients, state)
        return optax.apply_updates(free, steps), state

    state = optimizer.init(free)
    for index in range(updates):
        free, state = update(free, state, *recordings(128, seed * updates + index))
    return with_parameters(description, physical(free))


def measured(delays: NDArray[np.int64], updates: int, seed: int) -> dict[str, Any]:
    """Accuracy in float and in integers, and what differs between executors."""
    description = trained(network(delays, seed), updates, seed + 1)
    spikes, lags = recordings(1200, 999)
    run = pure_run(description, parameters(description), jnp.asarray(spikes))
    profile = load_profile(PROFILE)
    seen = [recordings(512, 998)[0]]
    ranges = calibrate(description, seen)
    # Spikes are rare here, so that what a percentile cuts off are the very ones that matter.
    program = lower(description, ranges, profile, choose(description, ranges, seen, profile))
    found = Emulator(program).totals(spikes)
    made = all_executors(program, profile).made
    checked = verify(program, made, [spikes], Terms(sample_limits(made)))
    return {
        "float": float((np.asarray(run.output).sum(axis=0).argmax(axis=-1) == lags).mean()),
        "integer": float((found.predictions == lags).mean()),
        "spikes_per_neuron": float(np.asarray(run.spikes[1]).sum(axis=0).mean()),
        "differing_bits": {name: entry.differing_bits for name, entry in checked.executors.items()},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Both networks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--updates", type=int, default=300)
    chosen = parser.parse_args(arguments)
    drawn = np.random.default_rng(0).integers(0, LAGS + 1, RELAYS)
    rows = {
        "delays": measured(drawn, chosen.updates, 0),
        "no delays": measured(np.zeros(1, np.int64), chosen.updates, 0),
    }
    date = datetime.now(UTC).date().isoformat()
    text = json.dumps({"date": date, "lags": LAGS, "chance": 1 / LAGS, **rows}, indent=1)
    print(text)
    if chosen.out is not None:
        write_text(chosen.out / "delays.json", text + "\n")


if __name__ == "__main__":
    main()
