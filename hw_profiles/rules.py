"""The rules a JSON Schema cannot say: those that tie several fields of a profile together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from expifref.exceptions import ProfileError
from expifref.files.texts import listed

if TYPE_CHECKING:
    from .profile import Arithmetic, Capabilities, Capacity, Profile, Source

__all__ = ["REFUSED_NEURON", "check_arithmetic", "check_profile_rules", "citation"]

REFUSED_NEURON = "ExpIFRef"
"""The refusal every profile without arithmetic must carry: its sentence is what the user gets to read."""


class _Cited(NamedTuple):
    """Something in a profile that must say where it comes from."""

    path: str
    number: int | float | None
    source: str | None
    confidence: str


def check_arithmetic(arithmetic: Arithmetic) -> None:
    """Raise `ProfileError` unless every product fits `product_bits` and the sum can hold the membrane."""
    a = arithmetic
    products = {
        "table_bits + sum_bits": a.table_bits + a.sum_bits,
        "accumulator_bits + rescale.multiplier_bits": a.accumulator_bits + a.rescale.multiplier_bits,
        "filter_bits + decay_bits": a.filter_bits + a.decay_bits,
    }
    for operands, bits in products.items():
        if bits > a.product_bits:
            raise ProfileError(
                f"`arithmetic.product_bits` must be at least {operands} = {bits}, not {a.product_bits}; "
                "widen the product or narrow an operand"
            )
    if a.sum_bits < a.membrane_bits:
        raise ProfileError(
            f"`arithmetic.sum_bits` must be at least `membrane_bits` = {a.membrane_bits}, because it "
            f"holds the membrane, not {a.sum_bits}; widen the sum or narrow the membrane"
        )


def check_profile_rules(profile: Profile) -> None:
    """Raise `ProfileError` where refusals, refractory period or sources contradict each other."""
    _check_refusals(profile)
    _check_refractory(profile)
    for item in _cited(profile):
        _check_cited(item, profile.sources)


def citation(sources: Iterable[Source], key: str) -> str:
    """The text of the source `key`; raises `ProfileError` if there is none."""
    texts = {source.key: source.text for source in sources}
    if key not in texts:
        raise ProfileError(
            f"source `{key}` must be a key of `sources`, which has {_listed(texts)}; "
            "add the source or correct the key"
        )
    return texts[key]


def _check_refusals(profile: Profile) -> None:
    features = [refusal.feature for refusal in profile.refusals]
    if profile.arithmetic is None and REFUSED_NEURON not in features:
        raise ProfileError(
            f"`refusals` must say why feature `{REFUSED_NEURON}` is refused where `arithmetic` is null; "
            "add that refusal or fill in the arithmetic"
        )
    if profile.arithmetic is not None and features:
        raise ProfileError(
            f"`refusals` must be empty where `arithmetic` is given, not refuse {_listed(features)}; "
            "remove the refusals or set `arithmetic` to null"
        )


def _check_refractory(profile: Profile) -> None:
    period = profile.capabilities.refractory
    if period is not None and period.min_steps > period.max_steps:
        raise ProfileError(
            f"`capabilities.refractory.min_steps` must be at most `max_steps` = {period.max_steps}, "
            f"not {period.min_steps}; correct one of the two"
        )
    longest = 0 if period is None else period.max_steps
    if profile.arithmetic is not None and profile.arithmetic.refractory_steps > longest:
        raise ProfileError(
            f"`arithmetic.refractory_steps` must be at most {longest}, the longest period in "
            f"`capabilities.refractory`, not {profile.arithmetic.refractory_steps}; correct one of the two"
        )


def _check_cited(item: _Cited, sources: Iterable[Source]) -> None:
    if item.source is not None:
        citation(sources, item.source)
    if item.confidence == "unverified" and item.number is not None:
        raise ProfileError(
            f"`{item.path}` must be null while its confidence is unverified, not {item.number}; "
            "cite a source for the number or remove it"
        )
    if item.confidence != "unverified" and item.source is None:
        raise ProfileError(
            f"`{item.path}` must name a source while its confidence is {item.confidence}; "
            "add the source or set the confidence to unverified"
        )


def _cited(profile: Profile) -> Iterator[_Cited]:
    yield from _cited_limits(profile.capacity)
    yield from _cited_capabilities(profile.capabilities)
    for index, fact in enumerate(profile.facts):
        yield _Cited(f"facts[{index}]", fact.value, fact.source, fact.confidence)
    for index, item in enumerate(profile.refusals):
        yield _Cited(f"refusals[{index}]", None, item.source, item.confidence)


def _cited_limits(capacity: Capacity) -> Iterator[_Cited]:
    for field in fields(capacity):
        limit = getattr(capacity, field.name)
        yield _Cited(f"capacity.{field.name}", limit.value, limit.source, limit.confidence)


def _cited_capabilities(capabilities: Capabilities) -> Iterator[_Cited]:
    for name in ("exponential", "resets"):
        ability = getattr(capabilities, name)
        yield _Cited(f"capabilities.{name}", None, ability.source, ability.confidence)
    if (period := capabilities.refractory) is not None:
        path = "capabilities.refractory"
        yield _Cited(path, period.max_steps, period.source, period.confidence)


def _listed(names: Iterable[str]) -> str:
    return listed(f"`{name}`" for name in names)
