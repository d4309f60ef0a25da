"""How work becomes that of a group: its ranks meet, do it, and end with the same exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import typer

from cli.children import obey_the_parent
from cli.outcome import BAD_INPUT, exit_code
from expifref.exceptions import ParameterError

from .bell import Bell, heard
from .group import ALONE, Group
from .launcher import END_SECONDS, LocalRanks
from .meeting import connect, gather, listen
from .places import LOOPBACK, Place, join_seconds, place_of
from .tokens import new_token, take_token

__all__ = ["Work", "joined"]

Work = Callable[[Group], object]
"""What the ranks do that rank 0 starts: a function of a module, or a `functools.partial` of one."""


@contextmanager
def joined(distributed: str | None, rank: int | None, ranks: int | None, work: Work) -> Iterator[Group]:
    """The group that the options `--distributed`, `--rank` and `--ranks` name, `ALONE` without them.

    With `ranks` alone, the others are started on this machine and do `work`, which is what this rank must do
    in here. All ranks but the first print nothing in here.

    Raises:
        ParameterError: the options or the token cannot be used, or the ranks do not run the same command.
        ToolError: the ranks cannot reach each other, or another one failed or is gone.
        ExpifrefError: what another rank raised.
        typer.Exit: rank 0 ended with another code than 0.
    """
    place = _place(distributed, rank, ranks)
    if place is None or place.ranks == 1:
        yield ALONE
        return
    with _belonging(place, take_token() if place.port else new_token(), work) as group:
        yield group


def _place(distributed: str | None, rank: int | None, ranks: int | None) -> Place | None:
    """Where to meet, at port 0 when this rank has to start the others; None for one without others."""
    if distributed is not None:
        return place_of(distributed, rank, ranks)
    if rank is not None:
        raise ParameterError(
            "`--rank` belongs to `--distributed HOST:PORT`: give it too, or `--ranks N` alone, which starts "
            "all ranks on this machine"
        )
    return None if ranks in (None, 1) else Place(LOOPBACK, 0, 0, ranks, join_seconds())


@contextmanager
def _belonging(place: Place, token: bytes, work: Work) -> Iterator[Group]:
    """The group that meets at `place`; errors as of `joined`."""
    group = Group(place.rank, place.ranks)
    with heard() as bell, ExitStack() as others:
        code, outcome = 0, None
        try:
            try:
                if group.leads:
                    _gather(group, place, token, bell, work, others)
                else:
                    group.links[0] = connect(token, place, bell.ring)
                group.meet()
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


def _gather(group: Group, place: Place, token: bytes, bell: Bell, work: Work, others: ExitStack) -> None:
    listener = others.enter_context(listen(place))
    if place.port:
        gather(listener, token, place, group.links, bell.ring)
        return
    here = replace(place, port=listener.getsockname()[1])
    started = others.enter_context(LocalRanks(here, partial(_take_part, token, work)))
    gather(listener, token, here, group.links, bell.ring, started.check)


def _take_part(token: bytes, work: Work, place: Place) -> None:
    """What a rank does that was started; rank 0 says what went wrong, but for what nobody foresaw."""
    obey_the_parent(seconds=END_SECONDS)

    def take_part() -> int:
        with suppress(typer.Exit), _belonging(place, token, work) as group:
            work(group)
        return 0

    said = io.StringIO()
    with redirect_stderr(said):
        code = exit_code(take_part)
    if code not in (0, BAD_INPUT):
        sys.stderr.write(said.getvalue())
    sys.exit(code)


@contextmanager
def _silent_unless(leads: bool) -> Iterator[None]:
    if leads:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
