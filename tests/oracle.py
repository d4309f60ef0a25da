"""An executor of version 2 programs written from docs/spec.md alone, in Python ints.

It shares no code with the package: what it reads is the JSON object of a file, what it gives is lists.
Rounding is by its meaning (a fraction and its neighbours), not by shifts, so that an error in either reading
shows as a difference.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import rfc8785

__all__ = ["Oracle", "bring_inside", "divide"]

Json = dict[str, Any]
Row = list[int]
Signals = dict[str, Row]
"""Signal or state -> one integer for each unit."""


class Oracle:
    """Runs one sample of a program, and counts the values that each `overflow` changed."""

    def __init__(self, document: Json) -> None:
        sealed = {key: value for key, value in document.items() if key not in ("digest", "side_file")}
        if document["digest"] != "sha256:" + hashlib.sha256(rfc8785.dumps(sealed)).hexdigest():
            raise ValueError("another digest")
        self.saturations: Counter[str] = Counter()
        self.graph: Json = document["graph"]
        self.layers: list[Json] = self.graph["layers"]
        self.units = {"input": self.graph["input"]["channels"]}
        self.units |= {layer["name"]: layer["units"] for layer in self.layers}
        self.weights = {
            (layer["name"], index): _weights(feed["connection"])
            for layer in self.layers
            for index, feed in enumerate(layer["feeds"])
        }
        self.longest = dict.fromkeys(self.units, 0)
        for layer in self.layers:
            for feed in layer["feeds"]:
                self.longest[feed["source"]] = max(self.longest[feed["source"]], *_vector(feed["delay"]))

    def start(self) -> Signals:
        """The states before the first step."""
        state = {
            _full(layer["name"], name): _spread(_vector(one["initial"]), layer["units"])
            for layer in self.layers
            for name, one in layer["states"].items()
        }
        for source, longest in self.longest.items():
            state |= {f"{source}.delay-{age}": [0] * self.units[source] for age in range(1, longest + 1)}
        return state

    def step(self, inputs: Row, state: Signals) -> tuple[Signals, Signals]:
        """The signals of a step from `state`, and the states after it."""
        outputs = {"input": inputs}
        signals: Signals = {}
        after: Signals = {}
        for layer in self.layers:
            sums = [self._sum(layer, index, outputs, state) for index in range(len(layer["feeds"]))]
            units = [_unit(layer, j, [row[j] for row in sums], state) for j in range(layer["units"])]
            self._count(layer, units)
            outputs[layer["name"]] = [unit[layer["output"]] for unit in units]
            for name, result in layer["signals"].items():
                signals[_full(layer["name"], name)] = [unit[result] for unit in units]
            for name, result in layer["next"].items():
                after[_full(layer["name"], name)] = [unit[result] for unit in units]
        for source, longest in self.longest.items():
            for age in range(1, longest + 1):
                earlier = outputs[source] if age == 1 else state[f"{source}.delay-{age - 1}"]
                after[f"{source}.delay-{age}"] = earlier
        return signals, after

    def _count(self, layer: Json, units: list[dict[str, int]]) -> None:
        for one in layer["body"]:
            if one["op"] == "overflow":
                changed = sum(unit[one["name"]] != unit[one["of"][0]] for unit in units)
                self.saturations[_full(layer["name"], one["name"])] += changed

    def _sum(self, layer: Json, index: int, outputs: Signals, state: Signals) -> Row:
        feed = layer["feeds"][index]
        source, weight = feed["source"], self.weights[layer["name"], index]
        delays = _spread(_vector(feed["delay"]), self.units[source])
        seen = [
            state[f"{source}.delay-{age}"][i] if age else outputs[source][i] for i, age in enumerate(delays)
        ]
        return [sum(row[j] * x for row, x in zip(weight, seen, strict=True)) for j in range(layer["units"])]


def _unit(layer: Json, j: int, sums: Row, state: Signals) -> dict[str, int]:
    """The results of the body for unit `j`."""
    results: dict[str, int] = {}

    def constant(name: str) -> int:
        values = _vector(layer["constants"][name])
        return values[j] if len(values) > 1 else values[0]

    for one in layer["body"]:
        a = [results[name] for name in one.get("of", [])]
        op = one["op"]
        if op == "feed":
            value = sums[one["feed"]]
        elif op == "state":
            value = state[_full(layer["name"], one["state"])][j]
        elif op == "constant":
            value = constant(one["constant"])
        elif op == "lookup":
            index = one.get("index")
            table = layer["tables"][one["tables"][0 if index is None else constant(index)]]
            value = _look_up(table, a[0])
        elif op == "round_shift":
            value = divide(a[0], one["shift"], one["rounding"])
        elif op == "overflow":
            value = bring_inside(a[0], one["format"], one["overflow"])
        elif op == "shift_left":
            value = a[0] * 2 ** one["shift"]
        else:
            value = _EXACT[op](*a)
        results[one["name"]] = value
    return results


_EXACT: Mapping[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "minimum": min,
    "maximum": max,
    "at_least": lambda a, b: int(a >= b),
    "select": lambda c, a, b: a if c != 0 else b,
}


def _look_up(table: Json, v: int) -> int:
    values, start = _vector(table["values"]), int(table["start"])
    size = 1 << int(table["shift"])
    c = min(max(v, start), start + (len(values) - 1) * size - 1)
    i, r = divmod(c - start, size)
    return values[i] + divide((values[i + 1] - values[i]) * r, table["shift"], table["rounding"])


def divide(x: int, k: int, mode: str) -> int:
    """`x / 2**k`, brought to an integer by `mode` (spec 2)."""
    exact = Fraction(x) / Fraction(2) ** k
    below, above = math.floor(exact), math.ceil(exact)
    if mode == "TRN":
        return below
    if mode == "TRN_ZERO":
        return math.trunc(exact)
    if exact - below != above - exact or below == above:
        return below if exact - below < above - exact else above
    nearer_zero, farther = sorted((below, above), key=abs)
    even = below if below % 2 == 0 else above
    ties = {"RND": above, "RND_MIN_INF": below, "RND_ZERO": nearer_zero, "RND_INF": farther, "RND_CONV": even}
    return ties[mode]


def bring_inside(x: int, fmt: Mapping[str, Any], mode: str) -> int:
    """`x` in the format `fmt` (spec 3)."""
    count: int = 2 ** fmt["bits"]
    lo = -count // 2 if fmt["signed"] else 0
    hi = lo + count - 1
    if mode == "SAT":
        return lo if x < lo else min(x, hi)
    return lo + (x - lo) % count


def _full(layer: str, name: str) -> str:
    return layer if name == "output" else f"{layer}.{name}"


def _spread(values: Row, units: int) -> Row:
    return values if len(values) == units else values * units


def _vector(values: list[int | str]) -> Row:
    return [int(value) for value in values]


def _weights(connection: Json) -> list[Row]:
    """`[source units, units]`."""
    kernel = _matrix(connection["weight"])
    if connection.get("connection", "dense") == "dense":
        return kernel
    window = {"stride": [1, 1], "padding": [[0, 0], [0, 0]], "groups": 1} | connection["window"]
    plane = window["height"], window["width"]
    stride, pad, size = window["stride"], window["padding"], window["kernel"]
    inputs, outputs = window["channels"], window["outputs"]
    share, out_share = inputs // window["groups"], outputs // window["groups"]
    high, wide = ((plane[k] + sum(pad[k]) - size[k]) // stride[k] + 1 for k in (0, 1))
    weights = [[0] * (high * wide * outputs) for _ in range(math.prod(plane) * inputs)]
    steps = (range(high), range(wide), range(outputs), range(size[0]), range(size[1]), range(share))
    for place_y, place_x, o, ky, kx, c in product(*steps):
        y, x = place_y * stride[0] + ky - pad[0][0], place_x * stride[1] + kx - pad[1][0]
        if 0 <= y < plane[0] and 0 <= x < plane[1]:
            source = (y * plane[1] + x) * inputs + o // out_share * share + c
            weight = kernel[(ky * size[1] + kx) * share + c][o]
            weights[source][(place_y * wide + place_x) * outputs + o] = weight
    return weights


def _matrix(value: Json) -> list[Row]:
    rows, columns = value["shape"]
    size = int(value["dtype"][1:])
    data = base64.b64decode(value["base64"])
    cells = [
        int.from_bytes(data[k : k + size], "little", signed=True)
        for k in range(0, rows * columns * size, size)
    ]
    return [cells[r * columns : (r + 1) * columns] for r in range(rows)]
