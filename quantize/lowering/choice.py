"""Which ranges, and whether to correct the bias: chosen by what the programs do on the calibration data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from expifref.encoders import Frames
from expifref.exceptions import CapacityError, RangeError
from expifref.network.description import Description
from hw_profiles import Profile
from quantize.fidelity.comparison import Comparison
from quantize.fidelity.side_by_side import compare
from quantize.program.file import digest

from .calibration import Calibration
from .lower import LoweringOptions, lower
from .ranges import PRESETS, RangeChoices

__all__ = ["CANDIDATES", "Trial", "choose", "try_out"]

Batches = Sequence[Frames]

CANDIDATES = (
    PRESETS["percentile"],
    PRESETS["max"],
    replace(PRESETS["percentile"], weight="mse"),
    PRESETS["mse"],
)
"""The ranges that are tried, each with and without bias correction."""


@dataclass(frozen=True)
class Trial:
    """What one choice leads to on the calibration data."""

    ranges: RangeChoices
    bias_correction: bool
    spike_difference: float  # as `Comparison.spike_difference`
    output_rmse: float  # of the last layer, as `LayerComparison.rmse`

    @property
    def loss(self) -> tuple[float, float]:
        """What is compared: spikes first, the output where spikes are equal."""
        return self.spike_difference, self.output_rmse


def try_out(
    description: Description,
    calibration: Calibration,
    batches: Batches,
    profile: Profile,
    options: LoweringOptions | None = None,
    bias_correction: bool | None = None,
) -> list[Trial]:
    """Every candidate that can be lowered, with its distance from the float network on `batches`.

    Args:
        batches: inputs, each `[steps, batch, inputs]`; the first one alone is measured on.
        options: the words; their ranges and bias correction are not looked at.
        bias_correction: None tries both.

    Raises:
        CapacityError, RangeError, ParameterError, UnsupportedError: no candidate can be lowered; the
            exception is that of the last one.
    """
    corrections = (False, True) if bias_correction is None else (bias_correction,)
    trials: list[Trial] = []
    measured: dict[str, Comparison] = {}  # different ranges often end in the same power of two
    refusal: CapacityError | RangeError | None = None
    for ranges, corrected in product(CANDIDATES, corrections):
        wanted = replace(options or LoweringOptions(), ranges=ranges, bias_correction=corrected)
        try:
            program = lower(description, calibration, profile, wanted)
        except (CapacityError, RangeError) as error:
            refusal = error
            continue
        key = digest(program)
        if key not in measured:
            measured[key] = compare(description, program, [(batches[0], None)])
        found = measured[key]
        trials.append(Trial(ranges, corrected, found.spike_difference, found.layers[-1].rmse))
    if not trials and refusal is not None:
        raise refusal
    return trials


def choose(
    description: Description,
    calibration: Calibration,
    batches: Batches,
    profile: Profile,
    options: LoweringOptions | None = None,
    bias_correction: bool | None = None,
) -> LoweringOptions:
    """`options` with the ranges and the bias correction whose program is nearest to the float network.

    Deterministic: of equal candidates the first of `CANDIDATES`, without correction, is taken. Arguments and
    errors are those of `try_out`.
    """
    trials = try_out(description, calibration, batches, profile, options, bias_correction)
    best = min(trials, key=lambda trial: trial.loss)
    return replace(options or LoweringOptions(), ranges=best.ranges, bias_correction=best.bias_correction)
