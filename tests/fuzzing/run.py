"""By hand: as many loads of changed files as wanted, and what came of them.

python -m tests.fuzzing.run --loads 100000
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from expifref.exceptions import ExpifrefError

from .targets import TARGETS, Target

__all__ = ["load_once", "main"]

_LONGEST = 500


def load_once(target: Target, good: bytes, place: Path, seed: int) -> str:
    """What came of one load: `read`, `refused`, or a fault; what a fault is, follows."""
    place.write_bytes(target.change(good, random.Random(seed)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.read(place)
    except ExpifrefError as error:
        return "refused" if len(str(error)) <= _LONGEST else f"a long message: {str(error)[:80]}"
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"raw {type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {str(error)[:80]}"
    return "read"


def good_file(target: Target, folder: Path) -> bytes:
    """The bytes of a good file of its kind."""
    target.make(folder / target.name)
    return (folder / target.name).read_bytes()


def main() -> None:
    """Print the counts of each target as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=1000, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    chosen = parser.parse_args()
    for name in chosen.target or TARGETS:
        target = TARGETS[name]
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            good = good_file(target, folder)
            counts: Counter[str] = Counter()
            slowest, before = 0.0, _peak_mb()
            for seed in range(chosen.seed, chosen.seed + chosen.loads):
                start = time.perf_counter()
                outcome = load_once(target, good, folder / target.name, seed)
                if outcome not in counts and outcome not in ("read", "refused"):
                    print(f"  {name}: seed {seed}: {outcome}", flush=True)
                counts[outcome] += 1
                slowest = max(slowest, time.perf_counter() - start)
        line = {"target": name, "slowest_s": round(slowest, 2), "peak_grew_mb": _peak_mb() - before}
        print(json.dumps(line | dict(counts.most_common())), flush=True)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
