"""One case in a process of its own: prepare, then time repetitions whenever the driver says so.

The driver writes `go` or `end` on standard input; the answers are lines of JSON on what was standard output
at the start. Only the standard library, as `measure.py`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path
from statistics import median
from typing import IO, Any

from .measure import NotRunError, Prepared

_LEAST_ROUND_S = 0.15
_MOST_REPETITIONS = 7


def main(module: str, function: str, folder: Path) -> None:
    """Run the protocol for `module.function(folder)`."""
    # Libraries that print must not write into the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    started = time.perf_counter()
    try:
        prepared: Prepared = getattr(importlib.import_module(module), function)(folder)
        for _ in range(prepared.warm_ups):
            prepared.run()
    except (NotRunError, ImportError) as error:
        _answer(answers, {"not_run": str(error)})
        return
    first = time.perf_counter() - started
    _answer(answers, {"ready": True, "first_s": first, "versions": {**prepared.versions, **_python()}})
    repetitions = 1
    for line in sys.stdin:
        if line.strip() == "end":
            break
        times = [_timed(prepared) for _ in range(repetitions)]
        wall = sum(seconds for _, seconds in times)
        _answer(
            answers, {"cpu": median(cpu for cpu, _ in times), "wall": median(seconds for _, seconds in times)}
        )
        repetitions = max(1, min(_MOST_REPETITIONS, round(_LEAST_ROUND_S * repetitions / max(wall, 1e-9))))
    last = {"found": prepared.found(), "peak_mb": _peak_mb()}
    prepared.close()
    _answer(answers, last)


def _timed(prepared: Prepared) -> tuple[float, float]:
    """CPU seconds, those of child processes included, and wall seconds of one repetition."""
    wall, cpu = time.perf_counter(), _cpu(prepared)
    prepared.run()
    return _cpu(prepared) - cpu, time.perf_counter() - wall


def _cpu(prepared: Prepared) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime + prepared.elsewhere()


def _peak_mb() -> float:
    # Not ru_maxrss: it begins with the memory of the process that started this one.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _python() -> dict[str, str]:
    return {"python": platform.python_version()}


def _answer(stream: IO[str], values: dict[str, Any]) -> None:
    stream.write(json.dumps(values) + "\n")
    stream.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
