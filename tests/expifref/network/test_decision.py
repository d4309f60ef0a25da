"""Rules of decision: by hand, for NumPy and JAX, with samples that end early."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import ParameterError
from expifref.network.decision import RULES, Decision, check_rule

OUTPUT = np.array([[[1, -2], [-9, -5]], [[4, 0], [-8, -7]], [[-9, 8], [50, 60]]])  # [steps, batch, classes]
LENGTHS = np.array([3, 2])
BY_HAND: dict[str, Any] = {
    "sum": ([[-4, 6], [-17, -12]], [[-4, 6], [33, 48]]),
    "last": ([[-9, 8], [-8, -7]], [[-9, 8], [50, 60]]),
    "maximum": ([[4, 8], [-8, -5]], [[4, 8], [50, 60]]),
    **dict.fromkeys(("per-step", "none"), (OUTPUT * [[[1], [1]], [[1], [1]], [[1], [0]]], OUTPUT)),
}
"""Scores where samples end, and where all steps count."""


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", [np.int64, np.float32])
def test_every_rule(rule: str, kind: type) -> None:
    output: NDArray[Any] = OUTPUT.astype(kind)
    for lengths, wanted in zip((LENGTHS, None), BY_HAND[rule], strict=True):
        found = Decision(rule, lengths).scores(output)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, wanted)
    by_hand = np.argmax(BY_HAND[rule][0], axis=-1)
    # of every step by sample, as labels are
    by_hand = by_hand.T if Decision(rule).over_time else by_hand
    np.testing.assert_array_equal(Decision(rule, LENGTHS).classes(output), by_hand)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.usefixtures("strict_promotion")
def test_jax_decides_alike(rule: str) -> None:
    @jax.jit
    def scores(output: jax.Array, lengths: jax.Array) -> jax.Array:
        return Decision(rule, lengths).scores(output)  # type: ignore[no-any-return]  # Any of NumPy and JAX

    found = scores(jnp.asarray(OUTPUT, jnp.float32), jnp.asarray(LENGTHS))
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, BY_HAND[rule][0])


@pytest.mark.parametrize("rule", RULES)
def test_no_gradient_comes_from_behind_the_end(rule: str) -> None:
    def loss(output: jax.Array) -> jax.Array:
        return (Decision(rule, jnp.asarray(LENGTHS)).logits(output) ** 2).sum()  # type: ignore[no-any-return]  # Any of NumPy and JAX

    gradient = jax.grad(loss)(jnp.asarray(OUTPUT, jnp.float32))
    assert not gradient[2, 1].any()
    assert gradient[:2, 1].any()


def test_logits_do_not_grow_with_the_steps() -> None:
    output = OUTPUT.astype(np.float64)
    np.testing.assert_allclose(Decision("sum", LENGTHS).logits(output), [[-4 / 3, 2], [-8.5, -6]])
    np.testing.assert_allclose(Decision().logits(output), output.mean(axis=0))
    np.testing.assert_array_equal(Decision("maximum").logits(output), BY_HAND["maximum"][1])


def test_parts_of_a_batch() -> None:
    assert Decision("last").of(slice(1)) == Decision("last")
    part = Decision("last", LENGTHS).of(slice(1, 2))
    assert (part.rule, part.lengths.tolist()) == ("last", [2])


def test_unknown_rule() -> None:
    with pytest.raises(ParameterError) as caught:
        check_rule("first")
    assert str(caught.value) == "the decision must be one of sum, last, maximum, per-step, none, not 'first'"
