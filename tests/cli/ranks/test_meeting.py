"""Ranks that meet at a port which anybody can reach: those with the token do, and nothing stops them."""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cli.ranks import door, group, link, proof
from cli.ranks.forms import form_of
from cli.ranks.group import Group
from cli.ranks.meeting import connect, listen
from cli.ranks.places import Place
from cli.ranks.proof import ACCEPTANCE_BYTES, ANSWER_BYTES, GREETING_BYTES, Claim
from cli.ranks.wire import decode, read_json
from expifref.exceptions import ParameterError, ToolError

from .sockets import SECONDS, TOKEN, Meeting, meeting
from .test_wire import Hostile

OTHER = b"t1" * 16


def said_by(connection: socket.socket) -> bytes:
    """Everything until the other end closes."""
    found = b""
    try:
        while part := connection.recv(1 << 16):
            found += part
    except ConnectionResetError:  # which did not read everything
        pass
    return found


def shared(met: Meeting, *coming: Any) -> list[list[int]]:
    """What every rank is told when each tells ten times its number; `coming` from rank 1 on."""

    def work(ranks: Group) -> list[int]:
        told = ranks.exchange("a round", 10 * ranks.rank, form_of(int))
        ranks.finish(0)
        ranks.part()
        return told

    return met.all(met.groups(dict(enumerate(coming, 1))), work)


def test_ranks_with_the_token_meet() -> None:
    with meeting(4) as met:
        assert shared(met, *map(met.come, (1, 2, 3))) == [[0, 10, 20, 30]] * 4
        assert met.told == []


@contextmanager
def parsing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """What is looked at of whatever came over a connection."""
    looked_at: list[object] = []

    class Spied(struct.Struct):
        def unpack_from(self, buffer: Any, offset: int = 0) -> tuple[Any, ...]:
            looked_at.append(bytes(buffer))
            return super().unpack_from(buffer, offset)

    def spied(parse: Any) -> Any:
        def call(data: Any) -> Any:
            looked_at.append(bytes(data))
            return parse(data)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(group, "decode", spied(decode))
        patch.setattr(link, "read_json", spied(read_json))
        patch.setattr(proof, "_WHO", Spied("<II"))
        yield looked_at


def test_a_wrong_token_is_turned_away_and_nothing_it_sent_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = pickle.dumps(Hostile(tmp_path / "executed"))
    with parsing(monkeypatch) as looked_at, meeting(2) as met:
        with pytest.raises(ToolError) as caught:
            met.come(1, OTHER).result(SECONDS)
        assert str(caught.value) == (
            f"rank 0 at {met.place.address} must know the same token as rank 1, but does not: "
            "give all ranks the same one"
        )
        with met.connect() as stranger:
            greeting = stranger.recv(GREETING_BYTES)
            stranger.sendall(proof.answer(OTHER, greeting, Claim(1, 2)) + hostile)
            assert said_by(stranger) in (proof.REFUSAL, b"")
        with met.connect() as stranger:
            stranger.sendall(hostile + bytes(ANSWER_BYTES))
            said_by(stranger)
        assert (looked_at, met.links, met.gathered.done()) == ([], {}, False)
        assert shared(met, met.come(1)) == [[0, 10]] * 2
        assert met.told == []
        assert looked_at
    assert not (tmp_path / "executed").exists()


def test_what_was_recorded_does_not_let_anybody_in() -> None:
    with meeting(3) as met, met.connect() as right, met.connect() as stranger:
        recorded = proof.answer(TOKEN, right.recv(GREETING_BYTES), Claim(1, 3))
        right.sendall(recorded)
        assert len(right.recv(ACCEPTANCE_BYTES)) == ACCEPTANCE_BYTES
        stranger.recv(GREETING_BYTES)
        stranger.sendall(recorded)
        assert said_by(stranger) == proof.REFUSAL
        assert list(met.links) == [1]


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 4, bytes(10**6), proof.greet() * 3], ids=len
)
def test_strangers_do_not_keep_ranks_from_meeting(said: bytes) -> None:
    with meeting(3) as met, ExitStack() as strangers:
        for _ in range(200):
            stranger = strangers.enter_context(met.connect())
            with suppress(OSError):  # it was turned away while it spoke
                stranger.sendall(said)
        assert shared(met, met.come(1), met.come(2)) == [[0, 10, 20]] * 3
        assert met.told == []


def test_a_flood_of_strangers_does_not_either() -> None:
    over = Event()

    def flood(met: Meeting) -> None:
        while not over.is_set():
            with suppress(OSError), met.connect() as stranger:
                stranger.sendall(b"a")

    with meeting(3) as met:
        floods = [met.run(flood, met) for _ in range(4)]
        assert shared(met, met.come(1), met.come(2)) == [[0, 10, 20]] * 3
        over.set()
        assert [flooding.result(SECONDS) for flooding in floods] == [None] * 4


def test_the_oldest_stranger_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_MOST_GUESTS", 3)
    with meeting(2) as met, ExitStack() as strangers:
        idle = [strangers.enter_context(met.connect()) for _ in range(5)]
        for stranger in idle:
            assert len(stranger.recv(GREETING_BYTES)) == GREETING_BYTES
        assert [said_by(stranger) for stranger in idle[:2]] == [b"", b""]
        idle[2].sendall(proof.answer(OTHER, proof.greet(), Claim(1, 2)))
        assert said_by(idle[2]) == proof.REFUSAL


def test_a_stranger_has_no_time_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PATIENCE_SECONDS", 0.2)
    with meeting(2) as met, met.connect() as silent, met.connect() as slow:
        slow.sendall(b"a")
        assert [len(said_by(stranger)) for stranger in (silent, slow)] == [GREETING_BYTES] * 2


def test_every_rank_has_a_number_of_its_own() -> None:
    with meeting(3) as met:
        first = met.come(1)
        first.result(SECONDS)
        for rank in (0, 1):
            assert refusal(met, rank) == (
                f"every rank must have a number of its own, but there is a rank {rank} already: "
                "give each another `--rank`"
            )
        assert shared(met, first, met.come(2)) == [[0, 10, 20]] * 3


def test_ranks_must_be_as_many_in_all() -> None:
    with meeting(3) as met:
        assert refusal(met, 1, ranks=4) == (
            "`--ranks` must be the same in all ranks, but is 3 in rank 0 and 4 in rank 1: give all the same"
        )
        assert shared(met, met.come(1), met.come(2)) == [[0, 10, 20]] * 3


def refusal(met: Meeting, rank: int, ranks: int | None = None) -> str:
    refused = met.come(rank, ranks=ranks).result(SECONDS)
    with pytest.raises(ParameterError) as caught:
        refused.receive()
    refused.leave()
    return str(caught.value)


def test_a_rank_that_goes_before_all_are_there_ends_the_waiting() -> None:
    with meeting(3) as met:
        with met.connect() as right:
            right.sendall(proof.answer(TOKEN, right.recv(GREETING_BYTES), Claim(2, 3)))
            right.recv(ACCEPTANCE_BYTES)
        with pytest.raises(ToolError) as caught:
            met.gathered.result(SECONDS)
        assert str(caught.value) == (
            "all ranks must stay until the end, but rank 2 is gone: see what it says, and start all again"
        )


def test_the_port_is_closed_once_all_are_there() -> None:
    with meeting(2) as met:
        coming = met.come(1)
        met.gathered.result(SECONDS)
        with pytest.raises(ConnectionRefusedError):
            met.connect()
        assert shared(met, coming) == [[0, 10]] * 2


def test_nothing_but_the_address_that_was_asked_for_is_bound() -> None:
    with listen(Place("127.0.0.1", 0, 0, 2, 1)) as here:
        host, port = here.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))


def fake_first(listener: socket.socket, *said: bytes) -> None:
    """Something that answers in place of rank 0."""
    with listener, listener.accept()[0] as connection:
        for part in said:
            connection.sendall(part)
            connection.recv(ANSWER_BYTES)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            [b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"],
            "what answers at {} must be rank 0 of this version of expifref, but is something else: "
            "start it there, or correct `--distributed`",
        ),
        (
            [proof.greet(), proof.greet()],
            "rank 0 at {} must know the same token as rank 1, but does not: give all ranks the same one",
        ),
    ],
)
def test_what_is_not_rank_0_is_told_nothing(said: list[bytes], sentence: str) -> None:
    with meeting(2) as met:
        listener = listen(Place("127.0.0.1", 0, 0, 2, SECONDS))
        place = Place("127.0.0.1", listener.getsockname()[1], 1, 2, SECONDS)
        fake = met.run(fake_first, listener, *said)
        with pytest.raises(ToolError) as caught:
            connect(TOKEN, place, met.told.append)
        assert str(caught.value) == sentence.format(place.address)
        fake.result(SECONDS)
