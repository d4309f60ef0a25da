"""Graphs of any body as differentiable functions: forward the emulator, backward a rule per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from expifref.network.modules import SURROGATE
from expifref.neurons.gradient import GradientRules, graft
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer
from quantize.graph.operations import OPERATIONS, Sub
from quantize.jax.expif_gradient import NeuronGradient, fused_neuron
from quantize.jax.gradients import GRADIENTS
from quantize.jax.reverse import Codes
from quantize.jax.standard import standard_neuron
from quantize.jax.straight_through import Extent
from quantize.jax.trained_graph import TrainedGraph, trained_graph
from quantize.numbers.arrays import Integers, codes, extremes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.numbers.intervals import Interval
from quantize.run.emulator import GraphEmulator
from tests.amount import some
from tests.exporters.test_bodies import network as quadratic_network
from tests.graphs import random_graph, random_graph_input
from tests.programs import random_program

SIGNED = Format(True, 12, 0)


def codes_of(graph: Graph, trained: Mapping[str, Mapping[str, Format]] | None = None) -> dict[str, Codes]:
    """What `graph` itself holds."""
    return {
        layer.name: Codes(
            {i: jnp.asarray(feed.connection.weight, jnp.float32) for i, feed in enumerate(layer.feeds)},
            {
                name: jnp.asarray(np.broadcast_to(layer.constants[name], layer.units), jnp.float32)
                for name in (trained or {}).get(layer.name, {})
            },
        )
        for layer in graph.layers
    }


def gradient_of(
    network: TrainedGraph, at: dict[str, Codes], frames: Any, steps: int, loss: Callable[[Any], Any] = jnp.sum
) -> dict[str, Codes]:
    def total(at: dict[str, Codes]) -> Any:
        return loss(network.outputs(at, frames, steps)[network.graph.output])

    with jax.enable_x64(True):
        found: dict[str, Codes] = jax.jit(jax.grad(total))(at)
    return found


def test_every_operation_has_a_gradient() -> None:
    assert set(GRADIENTS) == set(OPERATIONS)


@pytest.mark.parametrize("seed", some(range(40), 40))
def test_random_graphs(seed: int) -> None:
    graph = random_graph(seed, recurrent=seed % 4 > 0)
    trained = {
        layer.name: {"c0": Format(True, 14, 0), "shares": Format(False, 9, 0)} for layer in graph.layers
    }
    network, at = trained_graph(graph, trained, {}), codes_of(graph, trained)
    values = random_graph_input(graph, 6, 3, seed)
    for given in (values, values[:1]):
        whole = np.broadcast_to(given, values.shape)
        wanted = GraphEmulator(graph).run(whole).signals
        frames, run = jnp.asarray(given), jnp.asarray(whole)
        with jax.enable_x64(True):
            found = jax.jit(lambda at, frames: network.told(at, frames, 6))(at, frames)
        assert found.keys() == wanted.keys()
        for name, signal in wanted.items():
            np.testing.assert_array_equal(np.broadcast_to(found[name], signal.shape), signal, err_msg=name)
        ours, theirs = gradient_of(network, at, frames, 6), gradient_of(network, at, run, 6)
        for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            assert np.isfinite(one).all()
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * float(np.abs(other).max()))


def layer_of(body: Body, output: str, source: str, delay: int, rows: int = 3) -> UnitLayer:
    weight = codes(np.arange(rows * 2).reshape(rows, 2) - 2)
    feed = LayerFeed(source, Dense(weight, Format(True, 4, 0), Format(True, 30, 0)), frozen([delay]))
    return body.layer(f"after_{source}", 2, (feed,), output)


def integrator(source: str, delay: int, rows: int = 3) -> UnitLayer:
    """`y' = y - y * 2 + (feed * 3 + kept) * 4`: linear in its weight, in `kept` and in what it sees."""
    body = Body()
    pushed = body.add(body.mul(body.feed(), body.constant("by", 3)), body.constant("kept", 5))
    before = body.state("y", Format(True, 30, 0))
    left = body.sub(before, body.shift(before, -1, Rounding.TRN))
    total = body.add(left, body.shift(pushed, -2, Rounding.TRN))
    body.next["y"] = body.signals["y"] = body.overflow(
        total, Quantizer(Format(True, 30, 0), Rounding.TRN, Overflow.SAT), "whole"
    )
    return layer_of(body, "whole", source, delay, rows)


@pytest.mark.parametrize("steps", [1, 6])
def test_the_gradient_of_what_is_linear_is_its_difference(steps: int) -> None:
    first = integrator(INPUT, 1)
    second = integrator(first.name, 2, rows=2)
    graph = Graph(Port(3, Format(False, 2, 0)), (first, second), second.name)
    trained = {layer.name: {"kept": Format(True, 6, 0)} for layer in graph.layers}
    network, at = trained_graph(graph, trained, {}), codes_of(graph, trained)
    values = jnp.asarray(random_graph_input(graph, steps, 2, 4))
    share = np.random.default_rng(0).integers(-3, 4, (steps, 2, 2)).astype(np.float32)

    def loss(output: Any) -> Any:
        return (output * share).sum()

    found = gradient_of(network, at, values, steps, loss)

    @jax.jit
    def total(changed: dict[str, Codes]) -> Any:
        return loss(network.outputs(changed, values, steps)[graph.output])

    leaves, tree = jax.tree.flatten(at)
    with jax.enable_x64(True):
        before = float(total(at))
        for number, (leaf, gradient) in enumerate(zip(leaves, jax.tree.leaves(found), strict=True)):
            for place in np.ndindex(leaf.shape):
                changed = [*leaves]
                changed[number] = leaf.at[place].add(1.0)
                assert float(total(jax.tree.unflatten(tree, changed))) - before == gradient[place]


def circle() -> Graph:
    """Two integrators that feed themselves and each other, in the same step and some steps later."""
    feeds = {
        "first": ((INPUT, 3, [0]), ("first", 2, [1, 3]), ("second", 2, [2])),
        "second": (("first", 2, [0]), ("first", 2, [0, 1]), ("second", 2, [1]), (INPUT, 3, [1])),
    }
    rng = np.random.default_rng(0)
    layers = []
    for name, sources in feeds.items():
        body = Body()
        total = body.constant("kept", 2)
        for index in range(len(sources)):
            total = body.add(total, body.feed(index))
        after = body.sub(total, body.state("y", Format(True, 40, 0)), "after")
        whole = Quantizer(Format(True, 40, 0), Rounding.TRN, Overflow.SAT)
        body.next["y"] = body.signals["y"] = body.overflow(after, whole, "y_after")
        fed = tuple(
            LayerFeed(
                source,
                Dense(codes(rng.integers(-2, 3, (rows, 2))), Format(True, 3, 0), Format(True, 50, 0)),
                frozen(delay),
            )
            for source, rows, delay in sources
        )
        layers.append(body.layer(name, 2, fed, "y_after"))
    return Graph(Port(3, Format(False, 2, 0)), tuple(layers), "second")


def test_the_gradient_around_a_circle_is_that_of_the_same_sums() -> None:
    """Whole numbers, so that float64 has the very values and JAX's own derivative of them."""
    graph, steps = circle(), 5
    trained = {layer.name: {"kept": Format(True, 6, 0)} for layer in graph.layers}
    network, at = trained_graph(graph, trained, {}), codes_of(graph, trained)
    (group,) = network.groups
    assert [plan.layer.name for plan in group.plan.layers] == ["first", "second"]
    frames = random_graph_input(graph, steps, 2, 4)

    def sums(at: dict[str, Codes]) -> Any:
        told: dict[str, list[Any]] = {
            INPUT: list(jnp.asarray(frames, jnp.float64)),
            "first": [],
            "second": [],
        }
        for step in range(steps):
            for layer in graph.layers:
                total = at[layer.name].constants["kept"] - (told[layer.name][-1] if step else 0.0)
                for index, feed in enumerate(layer.feeds):
                    for unit, delay in enumerate(np.broadcast_to(feed.delay, feed.connection.sources)):
                        if step >= delay:
                            seen = told[feed.source][step - delay][:, unit]
                            total = total + seen[:, None] * at[layer.name].weights[index][unit]
                told[layer.name].append(total)
        return jnp.stack(told["second"])

    found = gradient_of(network, at, jnp.asarray(frames), steps)
    with jax.enable_x64(True):
        exact = jax.tree.map(lambda values: values.astype(jnp.float64), at)
        output = jax.jit(lambda at, frames: network.outputs(at, frames, steps)["second"])
        np.testing.assert_array_equal(output(at, jnp.asarray(frames)), jax.jit(sums)(exact))
        wanted = jax.jit(jax.grad(lambda at: sums(at).sum()))(exact)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


TABLE = SegmentTable(-8, 2, frozen([3, 11, -1, 0]), Format(True, 8, 0), Rounding.TRN, "any", 0.0, "0" * 64)
OTHER = replace(TABLE, values=frozen([0, 4, 0, 40]))
SITE = Quantizer(Format(True, 4, 0), Rounding.TRN, Overflow.SAT)
X = np.array([-9, -8, -3, 0, 3, 4, 60])
"""What the operations below are tried at."""

CASES: list[tuple[str, Callable[[Body, str, str], str], Any]] = [
    ("add", lambda b, x, c: b.add(x, b.add(c, x)), 2.0),
    ("sub", lambda b, x, c: b.sub(c, x), -1.0),
    ("mul", lambda b, x, c: b.mul(x, c), 3.0),
    ("square", lambda b, x, c: b.mul(x, b.add(x, c)), 2.0 * X + 3),
    ("minimum", lambda b, x, c: b.minimum(c, x), X < 3),
    ("maximum", lambda b, x, c: b.maximum(x, c), X >= 3),
    (
        "select",
        lambda b, x, c: b.select(b.at_least(x, c), b.add(x, x), b.sub(c, x)),
        np.where(X >= 3, 2.0, -1.0),
    ),
    ("shift_left", lambda b, x, _: b.shift(x, -3, Rounding.TRN), 8.0),
    ("round_shift", lambda b, x, _: b.shift(x, 3, Rounding.RND), 0.125),
    ("overflow", lambda b, x, _: b.overflow(x, SITE), 1.0),
    ("lookup", lambda b, x, _: b.lookup(x, {"t": TABLE}), [0.0, 2.0, -3.0, 0.25, 0.25, 0.0, 0.0]),
]


@pytest.mark.parametrize(("name", "write", "slope"), CASES, ids=[name for name, _, _ in CASES])
def test_the_gradient_of_an_operation(name: str, write: Callable[[Body, str, str], str], slope: Any) -> None:
    del name
    found = slopes(write)
    np.testing.assert_array_equal(found, np.broadcast_to(slope, X.shape)[:, np.newaxis] * [1, 1])


def test_a_lookup_takes_the_slope_of_each_unit() -> None:
    found = slopes(lambda b, x, _: b.lookup(x, {"t": TABLE, "other": OTHER}, frozen([1, 0])))
    assert found[1].tolist() == [1.0, 2.0]
    assert found[4].tolist() == [10.0, 0.25]


def test_a_comparison_has_the_gradient_of_the_surrogate() -> None:
    found = slopes(lambda b, x, c: b.at_least(b.overflow(x, SITE), c))
    unit = 2 / 15
    arguments = jnp.asarray((np.clip(X, -8, 7) - 3) * unit, jnp.float32)
    wanted = jax.vmap(jax.grad(SURROGATE))(arguments) * unit
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-6)


def slopes(write: Callable[[Body, str, str], str]) -> Any:
    """What the gradient of a result says of the accumulator that it is made from, at each of `X`."""
    body = Body()
    output = write(body, body.feed(), body.constant("c", 3))
    weight = codes(np.array([[1, 1]]))
    feed = LayerFeed(INPUT, Dense(weight, Format(True, 8, 0), SIGNED), frozen([0]))
    graph = Graph(Port(1, Format(True, 8, 0)), (body.layer("one", 2, (feed,), output),), "one")
    network = trained_graph(graph, {}, {})
    with jax.enable_x64(True):
        rows = jnp.asarray(X[:, np.newaxis, np.newaxis], jnp.float32)
        group, inputs = network.groups[0], {0: rows}

        def each(inputs: dict[int, Any]) -> Any:
            return group(codes_of(graph), {"one": inputs}, Extent(len(X), 1))["one"]

        _, back = jax.vjp(each, inputs)
        by_unit = [
            back(jnp.zeros((len(X), 1, 2)).at[..., unit].set(1.0).astype(group.plan.layers[0].source_word))
            for unit in (0, 1)
        ]
    return np.concatenate([np.asarray(one[0][0])[:, 0] for one in by_unit], axis=1)


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_neuron_that_nobody_prepared_for_learns(recurrent: bool) -> None:
    graph = quadratic_network(recurrent)
    layer = graph.layers[0]
    fmt = layer.feeds[0].connection.weight_format
    network, at = trained_graph(graph, {}, {}), codes_of(graph)
    values = jnp.asarray(random_graph_input(graph, 40, 16, 1))
    wanted = jnp.linspace(0.02, 0.4, layer.units)

    def loss(weight: Any) -> Any:
        whole = graft(jnp.clip(jnp.rint(weight), fmt.lo, fmt.hi), weight)
        weights = {**at[layer.name].weights, 0: whole}
        spikes = network.outputs({layer.name: Codes(weights, {})}, values, 40)[layer.name]
        return ((spikes.mean(axis=(0, 1)) - wanted) ** 2).mean()

    optimizer = optax.adam(3.0)
    weight: Any = at[layer.name].weights[0]
    state = optimizer.init(weight)
    with jax.enable_x64(True):
        step = jax.jit(jax.value_and_grad(loss))
        losses = []
        for _ in range(60):
            value, gradient = step(weight)
            assert np.isfinite(gradient).all()
            assert (np.abs(gradient).sum(axis=0) > 0).all()
            updates, state = optimizer.update(gradient, state)
            weight = optax.apply_updates(weight, updates)
            losses.append(float(value))
    assert min(losses) < losses[0] / 4


@pytest.mark.parametrize(("seed", "phi"), [(3, "stop"), (4, "full")])
def test_a_neuron_whose_gradient_is_known_as_a_whole(seed: int, phi: Any) -> None:
    graph = random_program(seed, readout=True, weight_bits=6).graph
    trained = {
        layer.name: {name: format_of(layer.constants[name]) for name in ("multiplier", "bias")}
        for layer in graph.layers
    }
    neurons = {
        layer.name: NeuronGradient(np.full(layer.units, 0.01), 1e-3, GradientRules(phi=phi))
        for layer in graph.layers
        if standard_neuron(layer)
    }
    assert neurons
    network, at = trained_graph(graph, trained, neurons), codes_of(graph, trained)
    values = random_graph_input(graph, 6, 3, seed)
    wanted = GraphEmulator(graph).run(values).signals
    with jax.enable_x64(True):
        found = jax.jit(lambda at, values: network.told(at, values, 6))(at, jnp.asarray(values))
    for name, signal in wanted.items():
        np.testing.assert_array_equal(np.broadcast_to(found[name], signal.shape), signal, err_msg=name)
    gradients = jax.tree.leaves(gradient_of(network, at, jnp.asarray(values), 6))
    assert all(np.isfinite(one).all() for one in gradients)
    assert any(np.any(one) for one in gradients)


def format_of(values: Integers) -> Format:
    return Format(True, Interval(*extremes(values)).bits, 0)


def test_the_standard_neuron_is_known_by_its_operations() -> None:
    layer = random_program(3).graph.layers[0]
    neuron = standard_neuron(layer)
    assert neuron is not None
    given = NeuronGradient(np.full(layer.units, 0.01), 1e-3, GradientRules())
    assert set(fused_neuron(layer, given)) == neuron.inside
    assert not fused_neuron(layer, None)
    assert standard_neuron(quadratic_network(recurrent=False).layers[0]) is None
    assert standard_neuron(random_program(3, readout=True).graph.layers[-1]) is None
    place = next(i for i, one in enumerate(layer.body) if one.name == "drift")
    drift = layer.body[place]
    assert isinstance(drift, Sub)
    turned = replace(drift, of=drift.of[::-1])
    other = replace(layer, body=(*layer.body[:place], turned, *layer.body[place + 1 :]))
    assert standard_neuron(other) is None
    assert standard_neuron(replace(layer, output="moved")) is None
    assert standard_neuron(replace(layer, constants={**layer.constants, "one": frozen([2])})) is None
