"""How a command becomes that of a group: its ranks meet, run it, and end with the same exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import typer

from expifref.exceptions import ParameterError

from .bell import Bell, heard
from .group import ALONE, Group
from .launcher import Crew, Invitation, invitation
from .meeting import connect, gather, listen
from .places import LOOPBACK, Place, join_seconds, place_of
from .tokens import new_token, take_token

__all__ = ["joined"]


@contextmanager
def joined(distributed: str | None, rank: int | None, ranks: int | None) -> Iterator[Group]:
    """The group that the options `--distributed`, `--rank` and `--ranks` name, `ALONE` without them.

    With `ranks` alone, the others are started on this machine. All ranks but the first print nothing in here.

    Raises:
        ParameterError: the options or the token cannot be used, or the ranks do not run the same command.
        ToolError: the ranks cannot reach each other, or another one failed or is gone.
        ExpifrefError: what another rank raised.
        typer.Exit: rank 0 ended with another code than 0.
    """
    invited = _invited(distributed, rank, ranks)
    if invited is None:
        yield ALONE
        return
    group = Group(invited.place.rank, invited.place.ranks)
    with heard() as bell, ExitStack() as others:
        code, outcome = 0, None
        try:
            try:
                _meet(group, invited, bell, others)
                with _silent_unless(group.leads):
                    yield group
            except typer.Exit as end:
                code = end.exit_code
            code = group.finish(code)
        except BaseException as error:
            outcome = bell.reason if bell.called else error
            raise
        finally:
            bell.mute()
            group.part(outcome)
    if code:
        raise typer.Exit(code)


def _invited(distributed: str | None, rank: int | None, ranks: int | None) -> Invitation | None:
    """Where to meet, at port 0 when this rank has to start the others; None for one without others."""
    told = invitation()
    if told is not None:
        return told
    if distributed is not None:
        place = place_of(distributed, rank, ranks)
        return None if place.ranks == 1 else Invitation(place, take_token())
    if rank is not None:
        raise ParameterError(
            "`--rank` belongs to `--distributed HOST:PORT`: give it too, or `--ranks N` alone, which starts "
            "all ranks on this machine"
        )
    if ranks is None or ranks == 1:
        return None
    return Invitation(Place(LOOPBACK, 0, 0, ranks, join_seconds()), new_token())


def _meet(group: Group, invited: Invitation, bell: Bell, others: ExitStack) -> None:
    place, token = invited.place, invited.token
    if not group.leads:
        group.links[0] = connect(token, place, bell.ring)
    else:
        listener = others.enter_context(listen(place))
        if place.port == 0:
            here = replace(place, port=listener.getsockname()[1])
            crew = others.enter_context(Crew(here, token, sys.argv[1:]))
            gather(listener, token, here, group.links, bell.ring, crew.check)
        else:
            gather(listener, token, place, group.links, bell.ring)
    group.meet()


@contextmanager
def _silent_unless(leads: bool) -> Iterator[None]:
    if leads:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
