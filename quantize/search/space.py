"""What is searched: word sizes that the profile allows, how ranges are chosen, bias correction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import CategoricalDistribution, IntDistribution

from hw_profiles import Profile
from quantize.lowering.lower import LoweringOptions, check_arithmetic
from quantize.lowering.ranges import PRESETS

__all__ = ["Parameters", "Space"]

Parameters = Mapping[str, Any]
"""A point, as the study keeps it."""

_LEAST = {"weight_bits": 2, "membrane_bits": 8, "drive_bits": 6, "table_bits": 6}
_LEAST_SEGMENTS = 4


@dataclass(frozen=True)
class Space:
    """All points: every word from the least that is worth a try up to the profile's."""

    words: Mapping[str, tuple[int, int]]  # option -> least and most bits
    segments: tuple[int, ...]  # powers of two

    @classmethod
    def of(cls, profile: Profile) -> Space:
        """The space of `profile`; raises CapacityError when the device cannot run ExpIFRef neurons."""
        arithmetic = check_arithmetic(profile, LoweringOptions())
        words = {}
        for name, least in _LEAST.items():
            most = int(getattr(arithmetic, name))
            words[name] = (min(least, most), most)
        powers = [1 << n for n in range(arithmetic.table_segments.bit_length())]
        segments = tuple(n for n in powers if _LEAST_SEGMENTS <= n <= arithmetic.table_segments)
        return cls(words, segments or (arithmetic.table_segments,))

    @property
    def distributions(self) -> dict[str, Any]:
        """What Optuna samples from."""
        words = {name: IntDistribution(least, most) for name, (least, most) in self.words.items()}
        return words | {
            # By place in `segments`, so that neighbours are near each other for the sampler.
            "table_segments": IntDistribution(0, len(self.segments) - 1),
            "ranges": CategoricalDistribution(tuple(PRESETS)),
            "bias_correction": CategoricalDistribution((False, True)),
        }

    def holds(self, name: str, value: object) -> bool:
        """Whether a point may have `value` as its parameter `name`."""
        known = self.distributions.get(name)
        if isinstance(known, IntDistribution):
            return type(value) is int and known.low <= value <= known.high
        return isinstance(known, CategoricalDistribution) and value in known.choices

    @property
    def starts(self) -> list[dict[str, Any]]:
        """Points that every study begins with: the widest words, and every word in the middle."""
        other = {"ranges": "percentile", "bias_correction": False}
        widest: dict[str, Any] = {name: most for name, (_, most) in self.words.items()}
        middle: dict[str, Any] = {name: (least + most) // 2 for name, (least, most) in self.words.items()}
        last = len(self.segments) - 1
        return [widest | {"table_segments": last} | other, middle | {"table_segments": last // 2} | other]

    def options(self, point: Parameters) -> LoweringOptions:
        """The options of `quantize.lowering.lower` for a point."""
        return LoweringOptions(
            **{name: point[name] for name in self.words},
            table_segments=self.segments[point["table_segments"]],
            ranges=PRESETS[point["ranges"]],
            bias_correction=point["bias_correction"],
        )

    def readable(self, point: Parameters) -> dict[str, Any]:
        """The point in the words of `expifref quantize`, whose options make the same program of it."""
        return {
            **{name: point[name] for name in self.words},
            "table_segments": self.segments[point["table_segments"]],
            "calibration": point["ranges"],
            "bias_correction": point["bias_correction"],
        }
