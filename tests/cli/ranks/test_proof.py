"""Both ends prove that they know the token, each for this connection only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.ranks import proof
from cli.ranks.proof import ANSWER_BYTES, Claim, Keys, accept, answer, claim_of, greet, is_accepted

TOKEN, OTHER = b"t0" * 16, b"t1" * 16
CLAIM = Claim(3, 7)


def test_who_knows_the_token_is_let_in_by_who_knows_it() -> None:
    greeting = greet()
    answered = answer(TOKEN, greeting, CLAIM)
    assert (len(greeting), len(answered)) == (proof.GREETING_BYTES, proof.ANSWER_BYTES)
    assert proof.is_greeting(greeting)
    assert claim_of(TOKEN, greeting, answered) == CLAIM
    accepted = accept(TOKEN, greeting, answered)
    assert len(accepted) == proof.ACCEPTANCE_BYTES
    assert is_accepted(TOKEN, greeting, answered, accepted)


def test_another_token_is_not_let_in() -> None:
    greeting = greet()
    answered = answer(OTHER, greeting, CLAIM)
    assert claim_of(TOKEN, greeting, answered) is None
    answered = answer(TOKEN, greeting, CLAIM)
    assert not is_accepted(TOKEN, greeting, answered, accept(OTHER, greeting, answered))
    assert not is_accepted(TOKEN, greeting, answered, proof.REFUSAL)


def test_what_was_recorded_is_worth_nothing() -> None:
    first, second = greet(), greet()
    recorded = answer(TOKEN, first, CLAIM)
    assert claim_of(TOKEN, second, recorded) is None
    own = answer(TOKEN, first, CLAIM)
    assert recorded != own
    assert not is_accepted(TOKEN, first, own, accept(TOKEN, first, recorded))


def test_an_answer_is_no_acceptance() -> None:
    greeting = greet()
    answered = answer(TOKEN, greeting, CLAIM)
    for start in range(len(answered) - proof.ACCEPTANCE_BYTES + 1):
        echoed = answered[start : start + proof.ACCEPTANCE_BYTES]
        assert not is_accepted(TOKEN, greeting, answered, echoed)
    assert not is_accepted(TOKEN, greeting, answered, answered[:8] + answered[-32:])


def test_every_connection_and_direction_has_a_key_of_its_own() -> None:
    greeting = greet()
    answers = [answer(TOKEN, greeting, CLAIM) for _ in range(2)]
    keys = [
        Keys.of(token, said, given)
        for token in (TOKEN, OTHER)
        for said in (greeting, greet())
        for given in answers
    ]
    assert len({key for pair in keys for key in (pair.to_first, pair.from_first)}) == 16
    assert Keys.of(TOKEN, greeting, answers[0]) == keys[0]


def test_a_seal_is_of_one_frame() -> None:
    seals = {
        proof.seal(key, number, data) for key in (TOKEN, OTHER) for number in (0, 1) for data in (b"", b"a")
    }
    assert len(seals) == 8
    assert proof.seal(TOKEN, 0, b"ab", b"c") == proof.seal(TOKEN, 0, b"a", memoryview(b"bc"))


GREETING = greet()
ANSWERED = answer(TOKEN, GREETING, CLAIM)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2 * ANSWER_BYTES) | st.integers(0, 8 * ANSWER_BYTES - 1))
def test_nothing_but_the_answer_is_one(said: bytes | int) -> None:
    if isinstance(said, int):  # one bit of it is wrong
        changed = bytearray(ANSWERED)
        changed[said // 8] ^= 1 << said % 8
        said = bytes(changed)
    assert claim_of(TOKEN, GREETING, said) is None


@pytest.mark.parametrize(
    "greeting",
    [b"", GREETING[:-1], GREETING + b"a", b"HTTP/1.1 400 Bad Request" + bytes(16)],
    ids=["nothing", "short", "long", "http"],  # the bytes are others in each process of a parallel run
)
def test_another_program_does_not_greet(greeting: bytes) -> None:
    assert not proof.is_greeting(greeting)
