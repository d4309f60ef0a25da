"""The order in which layers can run over all steps: those that feed each other in a circle run together."""

from __future__ import annotations

from quantize.graph.layers import INPUT, Graph, UnitLayer

__all__ = ["layer_groups"]


def layer_groups(graph: Graph) -> list[tuple[UnitLayer, ...]]:
    """The layers of `graph`, each group after all that feed it; layers on no circle are alone.

    Within a group layers are in the order of a step.
    """
    behind = {layer.name: _behind(graph, layer) for layer in graph.layers}
    # What feeds a layer has less behind it than the layer, unless each feeds the other.
    order = sorted(graph.layers, key=lambda layer: len(behind[layer.name] | {layer.name}))
    groups: dict[tuple[str, ...], tuple[UnitLayer, ...]] = {}
    for layer in order:
        group = tuple(
            other
            for other in graph.layers
            if other is layer or (other.name in behind[layer.name] and layer.name in behind[other.name])
        )
        groups.setdefault(tuple(other.name for other in group), group)
    return list(groups.values())


def _behind(graph: Graph, layer: UnitLayer) -> set[str]:
    """All layers that `layer` depends on in some step, itself if it is on a circle."""
    found: set[str] = set()
    todo = [layer]
    while todo:
        for feed in todo.pop().feeds:
            if feed.source != INPUT and feed.source not in found:
                found.add(feed.source)
                todo.append(graph.by_name[feed.source])
    return found
