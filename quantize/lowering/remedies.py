"""What helps where the guard speaks: found by doing it, so that advice that is followed helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from expifref.exceptions import CapacityError, ParameterError, RangeError
from expifref.network.description import Description
from hw_profiles import Profile, load_profile, profile_names
from quantize.fidelity.guard import Limits, findings
from quantize.run.trace import Spikes

from .calibration import Calibration
from .lower import LoweringOptions, lower
from .ranges import PRESETS

__all__ = ["Remedy", "remedy"]

_MOST_WEIGHTS = 1 << 22
"""Of larger networks a dozen more programs take minutes."""


@dataclass(frozen=True)
class Remedy:
    """What was tried, and what left nothing for the guard to say."""

    tried: tuple[str, ...]  # as said on the command line
    helps: str | None  # the last of them, where it does

    def __str__(self) -> str:
        if self.helps is not None:
            return f"`{self.helps}` was tried on the calibration data and leaves nothing of this"
        if not self.tried:
            return "the network is too large to try on the spot what helps"
        return (
            f"nothing that was tried on the calibration data helps ({', '.join(self.tried)}): "
            "it takes other weights, so train with a penalty on large drives or scale the inputs"
        )


def remedy(
    description: Description,
    calibration: Calibration,
    batches: Sequence[Spikes],
    profile: Profile,
    limits: Limits | None = None,
) -> Remedy:
    """The first change of how `description` is lowered after which the guard has nothing to say of `batches`.

    Tried are all bits of `profile`, other ranges, and every profile with wider words.
    """
    tried: list[str] = []
    if description.weights > _MOST_WEIGHTS:
        return Remedy((), None)
    for words, device, options in _attempts(profile):
        try:
            program = lower(description, calibration, device, options)
        except (CapacityError, RangeError, ParameterError):
            continue
        tried.append(words)
        if not findings(description, program, batches, limits):
            return Remedy(tuple(tried), words)
    return Remedy(tuple(tried), None)


def _attempts(profile: Profile) -> Iterator[tuple[str, Profile, LoweringOptions]]:
    yield f"--profile {profile.name}", profile, LoweringOptions()  # with all its bits
    for name in ("max", "mse"):
        yield f"--calibration {name}", profile, LoweringOptions(ranges=PRESETS[name])
    for name in profile_names():
        other = load_profile(name)
        if name != profile.name and _is_wider(other, profile):
            yield f"--profile {name}", other, LoweringOptions()


def _is_wider(one: Profile, other: Profile) -> bool:
    if one.arithmetic is None or other.arithmetic is None:
        return False
    words = [(a.weight_bits, a.membrane_bits, a.drive_bits) for a in (one.arithmetic, other.arithmetic)]
    return any(wide > narrow for wide, narrow in zip(*words, strict=True))
