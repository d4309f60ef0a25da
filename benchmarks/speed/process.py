"""The driver's side of `child.py`: start a case, ask it for rounds, end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cases import GROUPS, Case
from .install import peer_python, why_missing

__all__ = ["Result", "Running"]

_ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB")
_ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    """What is known of one case."""

    rounds: list[dict[str, float]] = field(
        default_factory=list
    )  # cpu and wall seconds of the group's workload
    first_s: float = 0.0  # preparing and warming up
    peak_mb: float = 0.0
    found: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    not_run: str | None = None
    broke: bool = False  # it started and ended early, which for a peer that is not there is no fault


class Running:
    """One case in its own process; a process that ends early is a case that is not run."""

    def __init__(self, case: Case, data: Path, logs: Path) -> None:
        self.case = case
        self.result = Result()
        group = GROUPS[case.group]
        missing = None if case.peer is None else why_missing(case.peer)
        if missing is not None:
            self.result.not_run = missing
            return
        python = sys.executable if case.peer is None else str(peer_python(case.peer))
        module, _, function = case.call.rpartition(".")
        self._log = logs / f"{case.call}.log"
        cores = sorted(os.sched_getaffinity(0))[-group.cores :]
        # `taskset` before the first library: some count the cores when they are loaded.
        command = ["taskset", "--cpu-list", ",".join(map(str, cores)), python, "-m", "speed.child"]
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, f"speed.{module}", function, str(data / group.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(case, group.cores),
                start_new_session=True,  # Ctrl-C is for the driver, which ends all of it
            )
        ready = self._answer()
        self.result.first_s = ready.get("first_s", 0.0)
        self.result.versions = ready.get("versions", {})
        if "not_run" in ready:
            self.result.not_run = ready["not_run"]

    def time(self) -> None:
        """One round."""
        if self.result.not_run is None:
            times = self._ask("go")
            if times:
                self.result.rounds.append(
                    {clock: times[clock] / self.case.repeats for clock in ("cpu", "wall")}
                )

    def end(self) -> None:
        """Take what the case found and let it go."""
        if self.result.not_run is None:
            last = self._ask("end")
            self.result.peak_mb, self.result.found = last.get("peak_mb", 0.0), last.get("found", {})

    def stop(self) -> None:
        """End the process and those that it started, whatever they do."""
        if hasattr(self, "_process"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()

    def _ask(self, word: str) -> dict[str, Any]:
        if self._process.stdin is not None:
            try:
                self._process.stdin.write(word + "\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                pass  # its end is found out when the answer is read
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        said = self._log.read_text(encoding="utf-8").strip().splitlines()
        self.result.broke = True
        self.result.not_run = f"ended with code {self._process.wait()}: {said[-1] if said else 'no message'}"
        return {}


def _environment(case: Case, cores: int) -> dict[str, str]:
    # XLA shares the work of one operation among cores unless it is told not to.
    flags = [f"--xla_cpu_multi_thread_eigen={str(cores > 1 and case.devices == 1).lower()}"]
    if case.devices > 1:
        flags.append(f"--xla_force_host_platform_device_count={case.devices}")
    environment = {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(cores) for name in _ONE_THREAD},
        "PYTHONPATH": os.pathsep.join([str(_ROOT / "benchmarks"), *([] if case.peer else [str(_ROOT)])]),
        "XLA_FLAGS": " ".join(flags),
    }
    if not case.accelerator:
        environment["JAX_PLATFORMS"] = "cpu"
    return environment
