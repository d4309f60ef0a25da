"""The processes of one search on this machine: started, watched, and replaced when one is killed.

A study is no job of `cli.jobs`, whose ranges are known before it begins and end all together when one fails.
Here each point depends on those that are finished, other machines come and go, and who is killed is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from expifref.exceptions import ExpifrefError, ToolError

from .children import Children, obey_the_parent
from .search_job import SearchJob, set_up

__all__ = ["finish_study"]

_POLL_SECONDS = 0.2
_MOST_ENDS = 3
"""Workers that may end one after the other, for each that was asked for, without a point finished."""

Refresh = Callable[[], None]


def finish_study(job: SearchJob, study: Any, refresh: Refresh) -> None:
    """Work until the study has all its points, those included that other machines have in work.

    Args:
        refresh: called now and then, and after every point.

    Raises:
        ToolError: workers were killed, or failed, again and again.
        ExpifrefError: what a worker raised.
    """
    from quantize.search import open_points, requeue_abandoned, work

    setup = set_up(job)
    crew = _Crew(job)
    try:
        while True:
            requeue_abandoned(study)
            refresh()
            left, running = open_points(study, job.trials)
            if left <= 0 and running <= 0:
                return
            if left > 0 and job.workers == 1:
                work(study, setup.space, setup.keep, job.trials, setup.measure, refresh)
                continue
            crew.look_after(left, job.trials - left - running)
            time.sleep(_POLL_SECONDS)
    finally:
        crew.dismiss()


class _Crew:
    """The worker processes; with one worker there are none, and this process does the work."""

    def __init__(self, job: SearchJob) -> None:
        self._job = job
        self._children = Children(daemon=True)
        self._errors: dict[BaseProcess, Connection] = {}
        self._ends = 0
        self._finished = -1

    def look_after(self, left: int, finished: int) -> None:
        """Take note of workers that ended, and start as many as there is work for."""
        if finished != self._finished:
            self._finished, self._ends = finished, 0
        for process in self._errors:
            self._check(process)
        self._errors = {process: errors for process, errors in self._errors.items() if process.is_alive()}
        self._children.processes = [*self._errors]
        wanted = self._job.workers if self._job.workers > 1 else 0
        for _ in range(min(wanted - len(self._errors), left)):
            self._start()

    def dismiss(self) -> None:
        """End all workers; what they were busy with is queued again by whoever resumes."""
        self._children.end()

    def _start(self) -> None:
        errors, sender = Pipe(duplex=False)
        self._errors[self._children.start(_work, self._job, sender)] = errors
        sender.close()

    def _check(self, process: BaseProcess) -> None:
        code = process.exitcode
        if code is None:
            return
        if code > 0:
            raise self._error_of(process)
        self._ends += 1
        if self._ends < _MOST_ENDS * self._job.workers:
            return
        must = f"workers must finish a point now and then, but {self._ends} in a row"
        if code < 0:
            raise ToolError(
                f"{must} were killed (the last by signal {-code}): give fewer --workers or more memory"
            )
        # Such is one that ran the script which called this, and not its work.
        raise ToolError(
            f"{must} ended without one: a script that calls this must do so below "
            '`if __name__ == "__main__":`, or give --workers 1'
        )

    def _error_of(self, process: BaseProcess) -> ExpifrefError:
        try:
            error = self._errors[process].recv()
        except EOFError:
            error = ToolError(f"a worker ended with code {process.exitcode}; its error is printed above")
        return error if isinstance(error, ExpifrefError) else ToolError(str(error))


def _work(job: SearchJob, errors: Connection) -> None:
    """What a worker process does; its point is queued again if it ends without its parent."""
    from quantize.search import work

    obey_the_parent()
    try:
        setup = set_up(job)
        work(setup.join(), setup.space, setup.keep, job.trials, setup.measure)
    except ExpifrefError as error:
        errors.send(error)
        raise SystemExit(1) from None
