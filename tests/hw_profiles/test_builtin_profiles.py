"""Every built-in profile keeps every rule; a new file in `devices/` inherits these tests."""

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest

import hw_profiles
from expifref.exceptions import ProfileError
from hw_profiles import (
    Profile,
    check_profile,
    load_profile,
    profile_names,
    profile_path,
    refusal,
    with_arithmetic,
)

NAMES = profile_names()
WITHOUT_EXPONENTIAL = ("loihi1", "speck2e", "xylo-audio3")
ANALOG = ("brainscales2", "dynap-se")
REFUSING = (*WITHOUT_EXPONENTIAL, *ANALOG, "loihi2")
CONFIDENCES = {"verified", "peer-reviewed", "secondary", "computed", "unverified", "chosen"}

DIGESTS = {
    "artix7-35t": "cd0eaa4709f22e75c9092fb52de4dd9309aa185445b09330e0f6d019b02ffb55",
    "brainscales2": "6697659dd6506f8767ceceee6aed8504c874811a36cc61961be096744ace4d93",
    "cortex-m0plus": "aaab2c3637ad3cc9f4d7032fdf19b3792a337a01eff9296e38204b0abfd3ef80",
    "cortex-m4": "8793a70dd5fd46e2fc9a5951f6013b5d43804db2d0a5283e8becd0995bcf508f",
    "dynap-se": "4194cbabbf001eaa68874c34e1e3e5f007385a7d01a7516576917d829e56d839",
    "ecp5-25f": "5cbbfd3a816f7b5a9edf870d21c8a3cccb54b51708490333abe8a65e55e321e4",
    "ecp5-85f": "81da1405e1c4ca314683344a81095f98940f3afa928a38ef2d8cdf2e78b5d97d",
    "generic-16bit": "fd5a91523d208dbc5443291e1ea5f093b1cebcecaea7314ff8a0134dd08d22f7",
    "generic-8bit": "a7c6127fd89cf5b2b84a5e0eef8359d2732e21d3e40b3ba7a180ca5fc56cb061",
    "ice40-up5k": "378191e15c144509c08d032e31172e2e6011e67b7802789d1665ca156b9e1d7b",
    "loihi1": "9899ac095e459e688b4ed7c5b8483be873b89332653b2a4a8c59fcb86c152a65",
    "loihi2": "acdd50505e8fe5e79be8eaba90e5ae30e4657690552197274174aa171cdba673",
    "speck2e": "11cd61ab9d9240fd2e96d46bc0289ccd4f470f73f9fbf917dd1343fb1ed62bee",
    "spinnaker1": "8683798bc4b2daf44ad34ca71c9d9f48bb174d6ceeb1771d9bd25d226e87522c",
    "spinnaker2": "7417457f5c9b80273ea37f449b7fafdcfd6a0162699198157cc5aca19a40cd2e",
    "xylo-audio3": "cbb846b1d395f0bc9ca803871c8ff7dde438f35bfc8c00ffcc2120530fa5f5cd",
}
"""Programs carry the digest of their profile: changing a profile orphans them, so it must be deliberate."""


def cited_objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in cited_objects(item)]
    if not isinstance(value, dict):
        return []
    here = [value] if "confidence" in value else []
    return here + [found for item in value.values() for found in cited_objects(item)]


def test_the_promised_profiles_are_there() -> None:
    assert NAMES == (
        "artix7-35t",
        "brainscales2",
        "cortex-m0plus",
        "cortex-m4",
        "dynap-se",
        "ecp5-25f",
        "ecp5-85f",
        "generic-16bit",
        "generic-8bit",
        "ice40-up5k",
        "loihi1",
        "loihi2",
        "speck2e",
        "spinnaker1",
        "spinnaker2",
        "xylo-audio3",
    )


def test_public_surface() -> None:
    assert all(hasattr(hw_profiles, name) for name in hw_profiles.__all__)
    assert set(DIGESTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEachProfile:
    def test_passes_the_full_check_and_loads_the_same_by_name_and_by_path(self, name: str) -> None:
        path = profile_path(name)
        assert check_profile(path) == load_profile(name) == load_profile(path) == load_profile(str(path))

    def test_name_is_the_file_name(self, name: str) -> None:
        assert load_profile(name).name == name

    def test_document_is_the_file(self, name: str) -> None:
        assert load_profile(name).document == json.loads(profile_path(name).read_bytes())

    def test_digest_is_pinned(self, name: str) -> None:
        assert load_profile(name).digest == DIGESTS[name]

    def test_every_number_has_a_citation_and_a_legal_confidence(self, name: str) -> None:
        profile = load_profile(name)
        document = profile.document
        cited = cited_objects(document)
        assert len(cited) >= 8
        for item in cited:
            assert item["confidence"] in CONFIDENCES
            if item["confidence"] == "unverified":
                assert item.get("value") is None
            else:
                assert profile.citation(item["source"])

    def test_every_source_is_used(self, name: str) -> None:
        profile = load_profile(name)
        used = {item["source"] for item in cited_objects(profile.document)}
        assert {source.key for source in profile.sources} == used - {None}

    def test_refusal_exactly_where_there_is_no_arithmetic(self, name: str) -> None:
        profile = load_profile(name)
        sentence = refusal(profile)
        assert (sentence is not None) == (profile.arithmetic is None) == (name in REFUSING)
        if sentence is not None:
            assert sentence.startswith(f"{name} has ")
            assert "choose a profile with arithmetic" in sentence

    def test_is_hashable_and_survives_copy_and_pickle(self, name: str) -> None:
        profile = load_profile(name)
        assert pickle.loads(pickle.dumps(profile)) == copy.deepcopy(profile) == profile
        assert hash(profile) == hash(load_profile(name))


@pytest.mark.parametrize(
    ("names", "kind", "reason"),
    [
        (WITHOUT_EXPONENTIAL, "none", "no exponential"),
        (ANALOG, "analog", "analog neurons and no integer arithmetic, so no program can be bit-exact on it"),
        (("loihi2",), "microcode", "no public description of its microcode's widths, rounding and memory"),
    ],
)
def test_why_devices_refuse(names: tuple[str, ...], kind: str, reason: str) -> None:
    for name in names:
        profile = load_profile(name)
        sentence = refusal(profile)
        assert profile.capabilities.exponential.kind == kind
        assert sentence is not None
        assert sentence.startswith(f"{name} has {reason}")


def test_what_is_not_public_of_loihi2_is_not_made_up() -> None:
    profile = load_profile("loihi2")
    unknown = {fact.what for fact in profile.facts if fact.value is None}
    assert {"register of a neuron program", "product in a neuron program"} <= unknown
    assert profile.capacity.memory_bytes_per_core.value is None
    assert profile.capabilities.refractory is None


def test_the_sentence_for_xylo() -> None:
    assert refusal(load_profile("xylo-audio3")) == (
        "xylo-audio3 has no exponential and no refractory period, so ExpIFRef neurons cannot run on it; "
        "choose a profile with arithmetic such as `generic-16bit`, or train leaky integrate-and-fire neurons "
        "for this chip with its own tools"
    )


def test_generic_16bit_is_the_arithmetic_of_the_documentation() -> None:
    arithmetic = load_profile("generic-16bit").arithmetic
    assert arithmetic is not None
    assert (arithmetic.weight_bits, arithmetic.accumulator_bits, arithmetic.drive_bits) == (8, 32, 16)
    assert (arithmetic.filter_bits, arithmetic.membrane_bits, arithmetic.sum_bits) == (24, 16, 18)
    assert (arithmetic.table_bits, arithmetic.table_segments, arithmetic.product_bits) == (16, 256, 48)
    assert (arithmetic.rescale.kind, arithmetic.rescale.multiplier_bits) == ("multiplier", 16)


class TestWithArithmetic:
    def test_changes_only_what_is_named_and_the_digest(self) -> None:
        profile = load_profile("generic-16bit")
        changed = with_arithmetic(profile, weight_bits=4, membrane_bits=12)
        assert profile.arithmetic is not None
        assert changed == replace(
            profile, arithmetic=replace(profile.arithmetic, weight_bits=4, membrane_bits=12)
        )
        assert changed.digest != profile.digest
        assert with_arithmetic(changed, weight_bits=8, membrane_bits=16).digest == profile.digest

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"weight_bits": 17},
                "`$.arithmetic.weight_bits` must be at most 16, not 17; correct the value",
            ),
            (
                {"weight_bits": True},
                "`$.arithmetic.weight_bits` must be integer, not true; correct the value",
            ),
            (
                {"membrane_bits": 20},
                "`arithmetic.sum_bits` must be at least `membrane_bits` = 20, because it holds "
                "the membrane, not 18; widen the sum or narrow the membrane",
            ),
        ],
    )
    def test_checks_anew(self, changes: dict[str, int], message: str) -> None:
        with pytest.raises(ProfileError) as caught:
            with_arithmetic(load_profile("generic-16bit"), **changes)
        assert str(caught.value) == f"profile `generic-16bit`: {message}"

    def test_refuses_a_profile_without_arithmetic(self) -> None:
        with pytest.raises(ProfileError) as caught:
            with_arithmetic(load_profile("loihi1"), weight_bits=4)
        assert str(caught.value) == "profile `loihi1` has no arithmetic to change; choose another profile"


def test_replacing_a_field_cannot_make_an_inconsistent_profile() -> None:
    profile: Profile = load_profile("generic-16bit")
    assert profile.arithmetic is not None
    with pytest.raises(ProfileError, match="product_bits"):
        replace(profile.arithmetic, product_bits=40)
    with pytest.raises(ProfileError, match="refusals"):
        replace(profile, arithmetic=None)
