"""What a device can do and which integer arithmetic a program for it uses, as frozen dataclasses.

Field names equal the keys of the profile document (`schema.json`), which also bounds every single value.
The rules that tie several fields together (`rules.py`) run on construction and raise `ProfileError`, so that
`dataclasses.replace` cannot make an inconsistent profile either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .document import digest_of, plain
from .rules import REFUSED_NEURON, check_arithmetic, check_profile_rules, citation

__all__ = [
    "Arithmetic",
    "Capabilities",
    "Capacity",
    "Confidence",
    "Exponential",
    "Fact",
    "Limit",
    "OverflowMode",
    "OverflowModes",
    "Profile",
    "Refractory",
    "Refusal",
    "Rescale",
    "Resets",
    "RoundingMode",
    "RoundingModes",
    "Source",
    "refusal",
]

RoundingMode = Literal["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
OverflowMode = Literal["WRAP", "SAT"]
Confidence = Literal["verified", "peer-reviewed", "secondary", "computed", "unverified", "chosen"]


@dataclass(frozen=True)
class Source:
    """One citation; numbers refer to it by `key`."""

    key: str
    text: str


@dataclass(frozen=True)
class Rescale:
    """How an accumulator becomes a drive: times `m < 2**multiplier_bits`, then a right shift."""

    kind: Literal["multiplier", "shift"]  # "shift": m is a power of two
    multiplier_bits: int


@dataclass(frozen=True)
class RoundingModes:
    """Rounding of each site that drops bits, in the names of AMD ap_fixed and APyTypes."""

    rescale: RoundingMode
    filter: RoundingMode
    table: RoundingMode
    membrane: RoundingMode


@dataclass(frozen=True)
class OverflowModes:
    """Overflow of each site whose range is not proven."""

    drive: OverflowMode
    filter: OverflowMode
    sum: OverflowMode
    membrane: OverflowMode


@dataclass(frozen=True)
class Arithmetic:
    """Widths in bits and modes of the integer step, see `docs/profiles.md`."""

    weight_bits: int
    input_bits: int
    accumulator_bits: int
    drive_bits: int
    filter_bits: int
    membrane_bits: int
    sum_bits: int
    table_bits: int
    table_segments: int
    tau_tables: int
    product_bits: int
    rescale: Rescale
    decay_bits: int
    refractory_steps: int
    rounding: RoundingModes
    overflow: OverflowModes

    def __post_init__(self) -> None:
        check_arithmetic(self)


@dataclass(frozen=True)
class Limit:
    """One number; None means unknown where `confidence` is "unverified", else that there is no such limit."""

    value: int | None
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Capacity:
    """What fits on one device."""

    cores: Limit
    neurons_per_core: Limit
    fan_in: Limit
    fan_out: Limit
    memory_bytes_per_core: Limit
    memory_word_bits: Limit


@dataclass(frozen=True)
class Exponential:
    """How the device can evaluate exp."""

    kind: Literal["none", "table", "software", "accelerator", "analog", "microcode"]
    note: str
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Refractory:
    """Shortest and longest absolute refractory period in steps."""

    min_steps: int
    max_steps: int
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Resets:
    """Resets the device has: assign any value, subtract the threshold, or assign zero."""

    kinds: tuple[Literal["assign", "subtract", "zero"], ...]
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Capabilities:
    """What the device's neurons can do; `refractory` is None where none in steps is known."""

    exponential: Exponential
    refractory: Refractory | None
    resets: Resets


@dataclass(frozen=True)
class Fact:
    """A further published number; None where nothing is published or sources contradict each other."""

    what: str
    value: int | float | None
    unit: str
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Refusal:
    """One feature the device lacks and the sentence a user is told."""

    feature: str
    sentence: str
    source: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Profile:
    """A hardware profile; `arithmetic` is None exactly where the device refuses ExpIFRef neurons."""

    schema: str
    name: str
    summary: str
    sources: tuple[Source, ...]
    arithmetic: Arithmetic | None
    arithmetic_note: str
    capacity: Capacity
    capabilities: Capabilities
    facts: tuple[Fact, ...]
    refusals: tuple[Refusal, ...]

    def __post_init__(self) -> None:
        check_profile_rules(self)

    @property
    def document(self) -> dict[str, Any]:
        """The profile as plain JSON values: what its file contains."""
        document: dict[str, Any] = plain(self)
        document["sources"] = {source.key: source.text for source in self.sources}
        return document

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the document as canonical JSON: sorted keys, no white space, ASCII."""
        return digest_of(self.document)

    def citation(self, key: str) -> str:
        """The text of the source `key`; raises `ProfileError` if the profile has no such source."""
        return citation(self.sources, key)


def refusal(profile: Profile) -> str | None:
    """The sentence that tells why ExpIFRef neurons are refused on this device; None where they are not."""
    return next((item.sentence for item in profile.refusals if item.feature == REFUSED_NEURON), None)
