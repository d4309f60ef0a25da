"""What ranks tell each other: the same in all, and a sentence where one tells something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cli.ranks.forms import Form, form_of
from cli.ranks.group import ALONE, Group
from expifref.exceptions import DataError, ExpifrefError, FileFormatError, ParameterError, ToolError

from .sockets import linked, meeting
from .test_wire import JSON, message, sentence_of

ANYTHING = NDArray[Any]


def outcomes(ranks: int, call: Callable[[Group], Any]) -> list[Any]:
    """What `call` gives or raises in every rank; each parts with that, as commands do."""

    def work(group: Group) -> Any:
        try:
            found = call(group)
            group.finish(0)
        except ExpifrefError as error:
            group.part(error)
            return error
        group.part()
        return found

    with meeting(ranks) as met:
        coming = {rank: met.come(rank) for rank in range(1, ranks)}
        return met.all(met.groups(coming), work)


def test_alone_nothing_is_sent() -> None:
    value = Path("a")
    assert ALONE.exchange("a", value, Form(lambda *_: pytest.fail("sent"), lambda *_: value)) == [value]
    ALONE.agree("verify", lambda: pytest.fail("nobody asks"))


def test_arrays_of_all_ranks_reach_all() -> None:
    def call(group: Group) -> Any:
        group.meet()
        found = group.exchange("a", np.full((group.rank, 3), group.rank, np.int16), form_of(ANYTHING))
        return [array.tolist() for array in found]

    assert outcomes(3, call) == [[[], [[1] * 3], [[2] * 3] * 2]] * 3


def test_rank_0_says_how_all_end() -> None:
    def call(group: Group) -> int:
        return group.finish(7 if group.leads else 0)

    assert outcomes(3, call) == [7, 7, 7]


def sentences(found: list[Any]) -> set[tuple[type[Any], str]]:
    return {(type(error), str(error)) for error in found}


def test_what_one_raises_all_raise() -> None:
    def call(group: Group) -> Any:
        if group.rank == 1:
            raise FileFormatError("`a` must be b")
        return group.exchange("a", 1, form_of(int))

    assert sentences(outcomes(3, call)) == {(FileFormatError, "`a` must be b")}


def test_what_nobody_foresaw_is_told_too() -> None:
    with linked() as (first, second, _told):
        group = Group(0, 2)
        group.links = {1: first}
        group.part(ZeroDivisionError("a\nb"))
        with pytest.raises(ToolError) as caught:
            second.receive()
        assert (
            str(caught.value)
            == "all 2 ranks must run to the end, but rank 0 ended with ZeroDivisionError a b"
        )
        second.leave()


def test_facts_must_agree() -> None:
    def call(group: Group) -> None:
        group.agree("verify", lambda: {"the seed": 3, "the program": "ab" * 200 if group.rank == 2 else "cd"})

    long = "ab" * 68 + "a..."
    assert sentences(outcomes(3, call)) == {
        (
            ParameterError,
            "every rank must run the same command on equal files, but the program is cd in rank 0 "
            f"and {long} in rank 2: give all the same",
        )
    }


def test_rounds_must_agree() -> None:
    def call(group: Group) -> Any:
        return group.exchange(f"round {group.rank}", 1, form_of(int))

    assert sentences(outcomes(2, call)) == {
        (
            ParameterError,
            "every rank must run the same command on equal files, but rank 0 came to round 0 "
            "and rank 1 to round 1: give all the same options",
        )
    }


def test_a_value_of_another_form_ends_all() -> None:
    def call(group: Group) -> Any:
        return (
            group.exchange("a", "x", form_of(str))
            if group.rank == 1
            else group.exchange("a", 1, form_of(int))
        )

    first, second = outcomes(2, call)
    assert (type(first), type(second)) == (DataError, DataError)
    assert str(first) == (
        "what ranks tell each other must have an integer, not 'x': run the same version in all ranks"
    )


def test_an_exit_code_is_one() -> None:
    def call(group: Group) -> Any:
        return group.exchange("the end", 256, form_of(int)) if group.leads else group.finish(0)

    assert str(outcomes(2, call)[1]) == "rank 0 must end with an exit code of 0..255, not 256"


MESSAGES = st.fixed_dictionaries({"about": st.just("a"), "arrays": st.just([]), "value": JSON})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100) | st.builds(message, MESSAGES))
def test_whatever_a_rank_tells_is_a_value_or_a_sentence(told: bytes) -> None:
    with linked() as (first, second, _):
        group = Group(0, 2)
        group.links = {1: first}
        second.send(told)
        assert len(sentence_of(lambda: group.exchange("a", 1, form_of(int)))) <= 500
        group.part()
        second.leave()
