"""Small changes to files that were good: of values anywhere in a JSON document, and of bytes."""

from __future__ import annotations

import copy
import json
import random
import struct
from typing import Any

__all__ = ["changed_bytes", "changed_document", "changed_safetensors", "nasty"]

_NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 63, 64, 255, 256, 2**31 - 1, 2**31, 2**53, 2**62, 2**63, 2**64),
    *(-(2**31), -(2**63), -(2**64), 10**30, 0.0, -0.0, 0.5, 1e-300, 1e300, -1e300, 3.0),
    *("", "x", "0", "../x", "/etc/passwd", "\0", "\n", "\ud800", "x" * 5000, "*/", "[red]", "é"),
    *([], {}, [0], [[]], {"x": 0}, [0] * 1000, ["x"], {"shape": [1], "dtype": "i1", "base64": "AA=="}),
    *({"shape": [2**40, 2**40], "dtype": "i8", "base64": ""}, {"shape": [], "dtype": "i1", "sha256": "x"}),
)


def nasty(rng: random.Random) -> Any:
    """A value that some reader does not think of."""
    return copy.deepcopy(rng.choice(_NASTY))


def changed_document(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A copy with one to three changes: a value, a key, or the length of a list."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(_container(changed, rng), rng)
    return changed


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """With some bytes changed, cut out, put in, or exchanged for numbers at their limits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(changed) + 1)
        size = rng.choice((1, 1, 2, 4, 8, 40))
        put = rng.choice(
            (
                rng.randbytes(size),
                struct.pack("<Q", rng.choice((0, 2**31, 2**32 - 1, 2**63, 2**64 - 1)))[:size],
                b"",
                bytes(changed[place : place + size]) * 2,
            )
        )
        changed[place : place + rng.choice((0, size))] = put
    return bytes(changed if rng.random() < 0.9 else changed[: rng.randrange(len(changed) + 1)])


def changed_safetensors(data: bytes, rng: random.Random, document: str | None = None) -> bytes:
    """With its header changed, or the JSON text that the header holds under the name `document`."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if document is not None and rng.random() < 0.7:
        inner = changed_document(json.loads(header["__metadata__"][document]), rng)
        header["__metadata__"][document] = json.dumps(inner)
    else:
        header = changed_document(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _container(document: Any, rng: random.Random) -> Any:
    """An object or list somewhere in `document`, the deeper ones as likely as all others."""
    found = document
    while True:
        values = list(found.values()) if isinstance(found, dict) else found
        inner = [value for value in values if isinstance(value, dict | list) and value]
        if not inner or rng.random() < 0.2:
            return found
        found = rng.choice(inner)


def _change(container: Any, rng: random.Random) -> None:
    if isinstance(container, dict):
        if not container or rng.random() < 0.1:
            container[rng.choice(("x", "kind", "name", "sha256", "__class__"))] = nasty(rng)
            return
        key = rng.choice(list(container))
        if rng.random() < 0.15:
            del container[key]
            return
        container[key] = _other(container[key], rng)
        return
    if not container or rng.random() < 0.2:
        container.insert(rng.randrange(len(container) + 1), nasty(rng))
        return
    place = rng.randrange(len(container))
    if rng.random() < 0.2:
        del container[place]
        return
    container[place] = _other(container[place], rng)


def _other(value: Any, rng: random.Random) -> Any:
    if type(value) is int and rng.random() < 0.5:
        return value + rng.choice((-1, 1, 1 << rng.randrange(63), -(1 << rng.randrange(63))))
    if isinstance(value, float) and rng.random() < 0.5:
        return value * rng.choice((-1.0, 1e-12, 1e12, 1e200))
    if isinstance(value, str) and value and rng.random() < 0.5:
        place = rng.randrange(len(value))
        return value[:place] + rng.choice(("", "\0", "\x1b", "\\", "A", value)) + value[place + 1 :]
    return nasty(rng)
