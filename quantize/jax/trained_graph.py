"""A graph as a differentiable function of the integers that are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp

from expifref.network.modules import Frames
from quantize.graph.layers import INPUT, Graph

from .delays import Line, make_line, seen
from .expif_gradient import NeuronGradient, fused_neuron
from .plan import LayerPlan
from .reverse import Codes, Inputs, LayerReverse
from .reverse_loop import GroupReverse
from .shapes import Outputs, Trace
from .straight_through import DifferentiableGroup, Extent
from .trained_plan import TrainedFormats, trained_groups

__all__ = ["TrainedGraph", "trained_graph"]


@dataclass(frozen=True, eq=False)
class TrainedGraph:
    """All layers, those on a circle together, each group after all that feed it."""

    graph: Graph
    groups: tuple[DifferentiableGroup, ...]

    def outputs(self, codes: Mapping[str, Codes], frames: Frames, steps: int) -> dict[str, Outputs]:
        """What every layer puts out in all steps, in codes, as floats; differentiable.

        Args:
            codes: of every layer.
            frames: the input, of one step where all are the same.
            steps: number of steps.
        """
        extent = Extent(steps, frames.shape[1])
        return self._through(frames, steps, lambda group, inputs: group(_of(group, codes), inputs, extent))

    def told(self, codes: Mapping[str, Codes], frames: Frames, steps: int) -> dict[str, Trace]:
        """Every signal of the same forward pass."""
        extent = Extent(steps, frames.shape[1])
        found: dict[str, Trace] = {}

        def run(group: DifferentiableGroup, inputs: dict[str, Inputs]) -> dict[str, Outputs]:
            outputs, signals = group.told(_of(group, codes), inputs, extent)
            found.update(signals)
            return outputs

        self._through(frames, steps, run)
        return found

    def _through(
        self,
        frames: Frames,
        steps: int,
        run: Callable[[DifferentiableGroup, dict[str, Inputs]], dict[str, Outputs]],
    ) -> dict[str, Outputs]:
        lines = {INPUT: self._line(INPUT, frames.astype(jnp.float32), steps)}
        outputs: dict[str, Outputs] = {}
        for group in self.groups:
            inputs = {
                plan.layer.name: {
                    index: seen(lines[one.feed.source], one.feed.delay, steps)
                    for index, one in plan.feeds.items()
                    if not one.inside
                }
                for plan in group.plan.layers
            }
            for name, values in run(group, inputs).items():
                outputs[name] = values
                lines[name] = self._line(name, values, steps)
        return outputs

    def _line(self, source: str, values: Outputs, steps: int) -> Line:
        ages = self.graph.histories.get(source)
        before = None if ages is None else jnp.zeros((ages, *values.shape[1:]), values.dtype)
        return make_line(before, values, steps)


def trained_graph(
    graph: Graph, trained: TrainedFormats, neurons: Mapping[str, NeuronGradient]
) -> TrainedGraph:
    """`graph` for training.

    Args:
        graph: its weights and the constants in `trained` do not count.
        trained: the constants that are trained, by layer.
        neurons: by layer, of those whose body may be that of the standard neuron.

    Raises:
        RangeError: a width cannot be proven for all that training may arrive at.
    """

    def reverse(plan: LayerPlan) -> LayerReverse:
        name = plan.layer.name
        fused = fused_neuron(plan.layer, neurons.get(name))
        return LayerReverse(plan, trained.get(name, {}).keys(), fused)

    groups = trained_groups(graph, trained)
    return TrainedGraph(
        graph,
        tuple(
            DifferentiableGroup(GroupReverse(group, tuple(reverse(plan) for plan in group.layers)))
            for group in groups
        ),
    )


def _of(group: DifferentiableGroup, codes: Mapping[str, Codes]) -> dict[str, Codes]:
    return {plan.layer.name: codes[plan.layer.name] for plan in group.plan.layers}
