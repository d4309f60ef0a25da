"""How ranks are told to meet, and the sentence where they cannot."""

from __future__ import annotations

import os
from unittest import mock

import pytest

from .conftest import Workspace
from .shell import refused
from .test_ranks import TOKEN, free_address


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_JOIN_SECONDS", "1")


@pytest.mark.usefixtures("one_second")
def test_a_wrong_address_is_a_sentence(work: Workspace) -> None:
    def said(address: str, rank: int) -> str:
        options = ("--distributed", address, "--rank", rank, "--ranks", 2)
        with mock.patch.dict(os.environ, {"EXPIFREF_TOKEN": TOKEN}):
            return refused(work.folder, "verify", work.program, "--executor", "jax", *options)

    address = free_address()
    assert said(address, 1) == (
        f"rank 0 must answer at {address} within 1 s (EXPIFREF_JOIN_SECONDS), but: Connection refused; "
        "start it there, or correct `--distributed`"
    )
    assert said("nowhere.invalid:4000", 1).startswith(
        "`--distributed` must name the machine of rank 0, but `nowhere.invalid` has no address: "
    )
    assert said("192.0.2.7:4000", 0) == (
        "rank 0 must be able to listen at 192.0.2.7:4000, but: Cannot assign requested address; "
        "it runs on the machine that `--distributed` names, with a port that is free"
    )
    port = address.rpartition(":")[2]
    assert said(address, 0) == (
        "all ranks must join within 1 s (EXPIFREF_JOIN_SECONDS), but rank 1 did not come to 127.0.0.1, "
        f"port {port}: see what they say, and start all again"
    )
    assert said("a..b:1", 0) == (
        "`--distributed` must name the machine of rank 0, but `a..b` has no address: "
        "it is no name of a machine"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--rank", 0),
            "`--rank` belongs to `--distributed HOST:PORT`: give it too, or `--ranks N` alone, which starts "
            "all ranks on this machine",
        ),
        (
            ("--distributed", "a:1", "--rank", 0),
            "`--distributed HOST:PORT` needs `--rank K` and `--ranks N`: give both",
        ),
        (
            ("--distributed", "a:1", "--rank", 2, "--ranks", 2),
            "`--rank` must be 0..1 with `--ranks 2`, not 2",
        ),
        (
            ("--distributed", "auto", "--ranks", 2),
            "`--distributed auto` finds rank and ranks itself: leave `--rank` and `--ranks` out",
        ),
        *(
            (
                ("--distributed", address, "--rank", 0, "--ranks", 2),
                f"`--distributed` must be `auto` or HOST:PORT with a port of 1..65535, not `{address}`",
            )
            for address in ("a", ":1", "a:", "a:0", "a:65536", "a:b")
        ),
    ],
)
def test_options_that_do_not_belong_together(
    work: Workspace, options: tuple[object, ...], sentence: str
) -> None:
    assert refused(work.folder, "verify", work.program, *options) == sentence


def test_the_time_to_join_is_a_number(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_JOIN_SECONDS", "soon")
    options = ("--distributed", "a:1", "--rank", 0, "--ranks", 2)
    assert refused(work.folder, "verify", work.program, *options) == (
        "EXPIFREF_JOIN_SECONDS must be a whole number of seconds from 1, not `soon`"
    )


def test_ranks_without_a_token_are_told_how_to_make_one(work: Workspace) -> None:
    options = ("--distributed", "127.0.0.1:1", "--rank", 0, "--ranks", 2)
    assert refused(work.folder, "verify", work.program, *options) == (
        "ranks must know a token, the same in all, from EXPIFREF_TOKEN or a private file that "
        "EXPIFREF_TOKEN_FILE names, but neither is set: make one with "
        "`python3 -c 'import secrets; print(secrets.token_hex())'`, "
        "or let `--ranks N` alone start all ranks on this machine"
    )
