"""`docs/profiles.md` says what is so: its tables match the files."""

import re
from pathlib import Path

import pytest

from hw_profiles import Profile, load_profile, profile_names

from .documents import base_document

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")


def verdict(profile: Profile) -> str:
    if profile.arithmetic is not None:
        return "bit-exact program"
    kind = profile.capabilities.exponential.kind
    if kind != "none":
        return "refused: " + {"analog": "analog neurons", "microcode": "arithmetic not public"}[kind]
    lacking = ["no exponential"]
    lacking += ["no refractory period"] if profile.capabilities.refractory is None else []
    return "refused: " + ", ".join(lacking)


def table_row(profile: Profile) -> str:
    a = profile.arithmetic
    widths = [""] * 5
    if a is not None:
        widths = [str(n) for n in (a.weight_bits, a.membrane_bits, a.table_bits, a.product_bits)] + [
            a.rescale.kind
        ]
    memory = profile.capacity.memory_bytes_per_core.value
    cells = [f"`{profile.name}`", verdict(profile), *widths, "" if memory is None else f"{memory:,}"]
    return "| " + " | ".join(cell or "-" for cell in cells) + " |"


@pytest.mark.parametrize("name", profile_names())
def test_the_table_shows_the_profile(name: str) -> None:
    assert table_row(load_profile(name)) in PAGE.splitlines()


def test_every_key_is_explained() -> None:
    document = base_document()
    for section in (document, document["arithmetic"], document["capacity"], document["capabilities"]):
        for key in section:
            assert re.search(rf"`(\w+\.)?{key}\b", PAGE), key
