"""The way back through a body: gradients of results become gradients of what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import jax.numpy as jnp

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Constant, Feed, Operation, StateBefore

from .gradients import GRADIENTS, Gradients
from .shapes import Gradient, Result
from .tracers import Now

__all__ = ["Found", "Node", "add_to", "nodes_of", "over_steps", "pull_back", "varies", "with_gradient"]

Found = dict[str, Gradient]
"""Result -> its gradient so far."""


class Node(NamedTuple):
    """One operation, or several whose gradient is known as a whole."""

    results: tuple[str, ...]  # those that others use
    operands: tuple[str, ...]
    gradient: Callable[[Now, tuple[Gradient, ...]], Gradients]  # of the results' gradients


def nodes_of(operations: Iterable[Operation], fused: Mapping[str, Node]) -> list[Node]:
    """The nodes of `operations`, in order.

    Args:
        fused: operation -> the node that stands for it and for others.
    """
    nodes: list[Node] = []
    for operation in operations:
        node = fused.get(operation.name) or _node(operation)
        if node not in nodes:
            nodes.append(node)
    return nodes


def with_gradient(layer: UnitLayer, nodes: Iterable[Node], trained: Collection[str]) -> frozenset[str]:
    """The results that depend on states, on feeds or on the constants in `trained`."""
    found = {
        operation.name
        for operation in layer.body
        if isinstance(operation, Feed | StateBefore)
        or (isinstance(operation, Constant) and operation.constant in trained)
    }
    for node in nodes:
        if not found.isdisjoint(node.operands):
            found.update(node.results)
    return frozenset(found)


def pull_back(nodes: Iterable[Node], now: Now, found: Found, wanted: Collection[str]) -> None:
    """Add the gradients of operands to `found`, from the last of `nodes` to the first.

    Args:
        now: the integers of the results.
        wanted: the results that need a gradient.
    """
    for node in reversed(list(nodes)):
        there = [found[name] for name in node.results if name in found]
        if not there:
            continue
        gradients = tuple(found.get(name, jnp.zeros_like(there[0])) for name in node.results)
        for operand, gradient in zip(node.operands, node.gradient(now, gradients), strict=False):
            if gradient is not None and operand in wanted:
                add_to(found, operand, over_steps(gradient, now.results[operand]))


def add_to(found: Found, result: str, gradient: Gradient) -> None:
    """Add `gradient` to that of `result`."""
    found[result] = found[result] + gradient if result in found else gradient


def varies(values: Result) -> bool:
    """Whether integers, `[units]`, `[batch, units]` or `[steps or 1, batch, units]`, differ between steps."""
    return values.ndim == 3 and len(values) > 1


def over_steps(gradient: Gradient, values: Result) -> Gradient:
    """`gradient` of `values`: that of values that are the same in all steps is added up over them."""
    if gradient.ndim < 3 or len(gradient) == 1 or varies(values):
        return gradient
    return gradient.sum(axis=0, keepdims=True)


def _node(operation: Operation) -> Node:
    rule = GRADIENTS[type(operation)]

    def gradient(now: Now, gradients: tuple[Gradient, ...]) -> Gradients:
        return rule(operation, now, *gradients)

    return Node((operation.name,), operation.of, gradient)
