"""Connections of ranks that know each other: whole messages, signs of life, and why they ended."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.ranks import link as module
from cli.ranks.link import Link
from cli.ranks.proof import seal
from expifref.exceptions import DataError, ExpifrefError, FileFormatError, ToolError

from .sockets import KEYS, SECONDS, linked, two_ends

PART, LAST, ALIVE, FAILED, LEFT = range(5)
GONE = "all ranks must stay until the end, but rank 0 is gone: see what it says, and start all again"
BROKEN = (
    "what rank 0 sends must arrive as it was sent, but was changed on the way: something between the ranks "
)


def frame(number: int, kind: int, payload: bytes, key: bytes = KEYS.from_first) -> bytes:
    head = bytes([kind]) + len(payload).to_bytes(4, "little")
    return head + seal(key, number, head, payload) + payload


@contextmanager
def heard() -> Iterator[tuple[Link, socket.socket, list[ExpifrefError]]]:
    """The link of rank 1, and the socket through which rank 0 can say anything to it."""
    told: list[ExpifrefError] = []
    with two_ends() as (first, other):
        found = Link.to_first(other, KEYS, 2)
        found.start(told.append)
        yield found, first, told
        found.leave()


def reason(found: Link) -> ExpifrefError:
    with pytest.raises(ExpifrefError) as caught:
        found.receive()
    with pytest.raises(ExpifrefError) as again:
        found.check()
    assert str(again.value) == str(caught.value)
    return caught.value


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1, 5 * 2**20 + 7])
def test_messages_of_any_size_arrive_both_ways(size: int) -> None:
    message = os.urandom(size)
    with linked() as (first, second, told):
        for one, other in ((first, second), (second, first)):
            one.send(message)
            assert other.receive() == message
            one.send(b"next")
            assert other.receive() == b"next"
        first.leave()
        second.leave()
    assert told == []


def test_both_may_send_much_at_once() -> None:
    message = bytes(64 << 20)
    with linked() as (first, second, _), ThreadPoolExecutor(1) as pool:
        sent = pool.submit(first.send, message)
        second.send(message)
        assert second.receive() == first.receive() == message
        sent.result(SECONDS)
        first.leave()
        second.leave()


def test_an_error_is_told_and_ends_it() -> None:
    with linked() as (first, second, told):
        first.fail(FileFormatError("`a` must be b"))
        error = reason(second)
        assert (type(error), str(error)) == (FileFormatError, "`a` must be b")
        until(lambda: bool(told))
        assert told[0] is error
        first.leave()
        second.leave()
    assert told == [error]


def test_who_leaves_in_order_does_not_fail() -> None:
    with linked() as (first, second, told):
        first.send(b"last")
        first.leave()
        assert second.receive() == b"last"
        assert str(reason(second)) == "rank 0 must stay until the end, but left"
        second.leave()
    assert told == []


def test_who_is_gone_is_missed() -> None:
    with heard() as (found, first, told):
        first.sendall(frame(0, LAST, b"a"))
        first.close()
        assert found.receive() == b"a"
        assert str(reason(found)) == GONE
        until(lambda: bool(told))
    assert [str(error) for error in told] == [GONE]


def test_who_is_silent_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENT_SECONDS", 0.2)
    with heard() as (found, _first, _told):
        assert str(reason(found)) == (
            "all ranks must stay until the end, but rank 0 was not heard of for 0 s: "
            "see what it says, and start all again"
        )


def test_who_has_nothing_to_say_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENT_SECONDS", 2.0)
    monkeypatch.setattr(module, "_ALIVE_SECONDS", 0.05)
    with linked() as (first, second, told):
        time.sleep(3)
        first.send(b"a")
        assert second.receive() == b"a"
        first.leave()
        second.leave()
    assert told == []


def test_who_takes_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENT_SECONDS", 0.2)
    with two_ends() as (one, _nobody_reads_here):
        found = Link.from_first(one, KEYS, 1)
        with pytest.raises(ToolError, match="but rank 1 was not heard of for 0 s: see what it says"):
            found.send(bytes(64 << 20))
        found.leave()


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


ONE = frame(0, LAST, b"abc")


@pytest.mark.parametrize("place", [0, *range(5, 40)])
def test_a_changed_frame_is_noticed(place: int) -> None:
    with heard() as (found, first, _):
        first.sendall(changed(ONE, place))
        assert str(reason(found)).startswith(BROKEN)


@pytest.mark.parametrize(
    "said",
    [
        ONE + ONE,  # repeated
        frame(1, LAST, b"abc"),  # after one that was left out
        frame(0, LAST, b"abc", KEYS.to_first),  # its own one, sent back
        frame(0, LAST, b"abc", bytes(32)),  # of somebody else
    ],
)
def test_a_frame_out_of_its_place_is_noticed(said: bytes) -> None:
    with heard() as (found, first, _):
        first.sendall(said)
        if said == ONE + ONE:
            assert found.receive() == b"abc"
        assert str(reason(found)).startswith(BROKEN)


@pytest.mark.parametrize(("kind", "length"), [(LAST, 2**20 + 1), (LAST, 2**32 - 1), (5, 0), (255, 3)])
def test_frames_have_a_limit(kind: int, length: int) -> None:
    with heard() as (found, first, _):
        first.sendall(bytes([kind]) + length.to_bytes(4, "little") + bytes(32))
        error = reason(found)
        assert type(error) is DataError
        assert str(error) == (
            "rank 0 must send frames of at most 1048576 bytes, but what comes is none: something between the "
            "ranks changes what they send, or they are not of one version"
        )


def test_messages_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with heard() as (found, first, _):
        first.sendall(frame(0, PART, bytes(60)) + frame(1, PART, bytes(60)))
        assert str(reason(found)) == "rank 0 must say one thing at a time, but says too much"


def test_messages_need_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("hmac.compare_digest", exhausted)
    with heard() as (found, first, _):
        first.sendall(ONE)
        assert str(reason(found)) == "there must be memory for what rank 0 sends, but there is not enough"


def test_unasked_messages_have_a_limit() -> None:
    with heard() as (found, first, _):
        first.sendall(b"".join(frame(number, LAST, b"") for number in range(3)))
        until(found_to_be_over(found))
        assert [found.receive(), found.receive()] == [b"", b""]
        assert str(reason(found)) == "rank 0 must say one thing at a time, but says too much"


def found_to_be_over(found: Link) -> Callable[[], bool]:
    def over() -> bool:
        try:
            found.check()
        except ExpifrefError:
            return True
        return False

    return over


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[]", b'{"class": "SystemExit", "sentence": "a"}', b"[" * 1000]
)
def test_an_error_of_another_form_is_a_sentence(payload: bytes) -> None:
    with heard() as (found, first, _):
        first.sendall(frame(0, FAILED, payload))
        error = reason(found)
        assert type(error) is DataError
        assert len(str(error)) <= 500


def take_all(found: Link) -> None:
    while True:
        found.receive()


FRAMES = st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=40)), max_size=6)


@settings(max_examples=150, deadline=None)
@given(FRAMES, st.binary(max_size=80))
def test_whatever_is_sent_ends_in_a_sentence(frames: list[tuple[int, bytes]], rest: bytes) -> None:
    with heard() as (found, first, _):
        first.sendall(b"".join(frame(n, kind, payload) for n, (kind, payload) in enumerate(frames)) + rest)
        first.shutdown(socket.SHUT_WR)
        until(found_to_be_over(found))
        with pytest.raises(ExpifrefError) as caught:
            take_all(found)
        assert len(str(caught.value)) <= 500
