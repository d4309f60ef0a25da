"""The results of `make bench` as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from .bounds import bounds
from .cases import GOALS, GROUPS, Goal, Limit, Scaling
from .device_page import device_sections
from .figures import number

__all__ = ["page"]

_METHOD = """\
Every case runs in its own process. All cases of a table are started, warmed up three times (slow ones once)
and then timed in turn, {rounds} rounds of up to 7 repetitions; a round's figure is the median of its
repetitions. Unless a table says otherwise a process is bound to one core with one thread, and times are CPU
seconds, those of child processes included. A ratio is formed within each round, so that what else the
machine does falls on both; it is given as median [smallest..largest]. *First* is the wall time of
preparing, compiling and warming up, *peak MB* the memory of the case's own process. No time is tested
anywhere."""


def page(document: Mapping[str, Any]) -> str:
    """All tables."""
    results = document["results"]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {document['date']}: {document['cpu']}, {document['cores']} cores "
        f"(load {document['load']} at the end), {document['system']}.",
        *document["notes"],
        "Other simulators are there after `make bench-peers`.",
        "All numbers: [benchmarks.json](benchmarks.json). What our executors spend their time on, and how it",
        "grows: [cost model](cost_model.md).",
        "",
        _METHOD.format(rounds=document["rounds"]),
        "",
        "## Goals",
        "",
        "| what | measured | goal | |",
        "|---|---|---|---|",
        *(_goal(goal, results) for goal in GOALS if goal.group in results),
    ]
    for name, cases in results.items():
        if any(case["rounds"] for case in cases.values()):
            lines += ["", *_table(name, cases)]
    not_run = [
        f"- {group}, {name}: {case['not_run']}"
        for group, cases in results.items()
        for name, case in cases.items()
        if case["not_run"]
    ]
    lines += ["", "## Not run", "", *not_run] if not_run else []
    lines += ["", *device_sections(document["devices"]), "", *bounds(results, document["devices"])]
    lines += ["", "## Versions", "", ", ".join(_versions(results)) + "."]
    return "\n".join(lines) + "\n"


def _table(group: str, cases: Mapping[str, Any]) -> Iterator[str]:
    about = GROUPS[group]
    yield f"## {about.title}"
    yield ""
    clock = "CPU" if about.clock == "cpu" else "wall"
    cores = "one core" if about.cores == 1 else f"{about.cores} cores"
    yield f"Times are {clock} times on {cores}; the ratio is the time over that of *{about.reference}*."
    yield from _agreement(cases)
    yield ""
    yield f"| case | {clock} ms | ratio | first s | peak MB |"
    yield "|---|---|---|---|---|"
    reference = cases.get(about.reference, {"rounds": []})
    for name, case in cases.items():
        if case["rounds"]:
            times = [one[about.clock] * 1e3 for one in case["rounds"]]
            ratio = _ratios(case, reference, about.clock)
            yield (
                f"| {name} | {number(median(times))} | {_spread(ratio)} | {case['first_s']:.1f} "
                f"| {case['peak_mb']:.0f} |"
            )


def _agreement(cases: Mapping[str, Any]) -> Iterator[str]:
    """What the integer rows gave: the same, or who gave something else."""
    exact = {
        name: case["found"]
        for name, case in cases.items()
        if {"membrane_sum", "membranes_by_place"} & set(case["found"])
    }
    for found in (case["found"] for case in cases.values() if "differing_bits" in case["found"]):
        compared = f"{found['samples']:,} images, {found['values']:,} values"
        yield f"Compared: {compared}, {found['differing_bits']} differing bits."
    if not exact:
        return
    first = next(iter(exact.values()))
    others = [name for name, found in exact.items() if found != first]
    said = ", ".join(f"{key} {value}" for key, value in first.items())
    if others:
        yield f"**Not all integer rows give the same ({said}): {', '.join(others)}.**"
    else:
        yield f"All {len(exact)} integer rows give the same: {said}."


def _goal(goal: Goal | Scaling | Limit, results: Mapping[str, Any]) -> str:
    case = results[goal.group].get(goal.case, {"rounds": []})
    if isinstance(goal, Limit):
        what, bound = f"{goal.group}: {goal.case}, {_FIGURES[goal.figure]}", f"< {goal.most:g} {goal.unit}"
        values = (
            [case["peak_mb"]] if goal.figure == "peak_mb" else [one[goal.figure] for one in case["rounds"]]
        )
        if not case["rounds"] or not values[0]:
            return f"| {what} | not run | {bound} | |"
        return f"| {what} | {_spread(values)} {goal.unit} | {bound} | {_met(median(values) < goal.most)} |"
    what, bound = f"{goal.group}: {goal.case}, times as fast as {goal.other}", f">= {goal.factor:g}"
    about, other = GROUPS[goal.group], results[goal.group].get(goal.other, {"rounds": []})
    if isinstance(goal, Scaling):
        what += f", by CPU time on {about.cores} cores"
        ratio = [about.cores * one for one in _ratios(other, case, "cpu")]
    else:
        ratio = _ratios(other, case, about.clock)
    if not ratio:
        return f"| {what} | not run | {bound} | |"
    return f"| {what} | {_spread(ratio)} | {bound} | {_met(median(ratio) >= goal.factor)} |"


_FIGURES = {"cpu": "CPU time", "wall": "wall time", "peak_mb": "peak memory"}


def _met(reached: bool) -> str:
    return "met" if reached else "**missed**"


def _ratios(case: Mapping[str, Any], other: Mapping[str, Any], clock: str) -> list[float]:
    """Round by round, over the rounds that both have."""
    return [one[clock] / two[clock] for one, two in zip(case["rounds"], other["rounds"], strict=False)]


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} [{number(min(values))}..{number(max(values))}]"


def _versions(results: Mapping[str, Any]) -> list[str]:
    found: dict[str, set[str]] = {}
    for group in results.values():
        for case in group.values():
            for name, version in case["versions"].items():
                found.setdefault(name, set()).add(version)
    return [f"{name} {' and '.join(sorted(numbers))}" for name, numbers in sorted(found.items())]
