"""What devices can do: one JSON file each, one schema, every number with its source and confidence."""

from .loader import (
    check_profile,
    load_profile,
    parse_profile,
    profile_names,
    profile_path,
    with_arithmetic,
)
from .profile import (
    Arithmetic,
    Capabilities,
    Capacity,
    Exponential,
    Fact,
    Limit,
    OverflowModes,
    Profile,
    Refractory,
    Refusal,
    Rescale,
    Resets,
    RoundingModes,
    Source,
    refusal,
)
from .validation import SCHEMA_PATH, SCHEMA_VERSION

__all__ = [
    "SCHEMA_PATH",
    "SCHEMA_VERSION",
    "Arithmetic",
    "Capabilities",
    "Capacity",
    "Exponential",
    "Fact",
    "Limit",
    "OverflowModes",
    "Profile",
    "Refractory",
    "Refusal",
    "Rescale",
    "Resets",
    "RoundingModes",
    "Source",
    "check_profile",
    "load_profile",
    "parse_profile",
    "profile_names",
    "profile_path",
    "refusal",
    "with_arithmetic",
]
