"""How typed values become a JSON document with arrays beside it, and back.

A form follows from the type that both ends name in their code. What arrives names no type: it either has the
form that is expected, or is refused.
"""

from __future__ import annotations

import math
import reprlib
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from operator import index
from types import NoneType, UnionType
from typing import Any, Generic, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError, ExpifrefError

from .errors import in_short, read_error, write_error
from .wire import Array

__all__ = ["Arrays", "Form", "form_of", "list_of"]

Value = TypeVar("Value")

_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
_MOST_TEXT = 1 << 16


class Arrays:
    """The arrays of a message; a document names each once, in their order."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._left = deque(enumerate(arrays))

    def take(self, number: object) -> Array:
        """The next one, whose number is given; DataError when it is another's."""
        if not self._left or type(number) is not int or number != self._left[0][0]:
            _refuse("its arrays in their order", number)
        return self._left.popleft()[1]

    def check_taken(self) -> None:
        """Raise DataError when there is one that no document named."""
        if self._left:
            _refuse("no more arrays than it names", len(self._left))


@dataclass(frozen=True)
class Form(Generic[Value]):
    """Both ways between values of one type and documents; `read` raises DataError for any other document."""

    write: Callable[[Value, list[Array]], Any]  # appends its arrays to the list
    read: Callable[[Any, Arrays], Value]


def form_of(kind: type[Value]) -> Form[Value]:
    """The form of a type; all but dataclasses may be given with parameters: `tuple[int, ...]`.

    Raises:
        TypeError: such values have no form.
    """
    return cast("Form[Value]", _form(cast("Hashable", kind)))


def list_of(form: Form[Value]) -> Form[list[Value]]:
    """The form of lists of values of one form."""

    def write(values: list[Value], arrays: list[Array]) -> list[Any]:
        return [form.write(value, arrays) for value in values]

    def read(document: Any, arrays: Arrays) -> list[Value]:
        return [form.read(entry, arrays) for entry in _checked(document, list, "a list")]

    return Form(write, read)


@cache
def _form(kind: Any) -> Form[Any]:
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType) and len(parts) == 2 and NoneType in parts:
        return _optional(_form(parts[0] if parts[1] is NoneType else parts[1]))
    if origin is tuple:
        return _tuple_form(parts)
    if origin is list:
        return list_of(_form(parts[0]))
    if origin is dict and parts[0] is str:
        return _mapping_form(dict, _form(parts[1]))
    if origin is Counter and parts[0] is str:
        return _mapping_form(Counter, _SCALARS[int])
    if origin is np.ndarray:
        return _array_form(get_args(parts[1])[0])
    if origin is NDArray:  # an alias with a name of its own in newer NumPy, and the above in older
        return _array_form(parts[0])
    if is_dataclass(kind):
        return _dataclass_form(cast("type[Any]", kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum_form(kind)
    raise TypeError(f"values of {kind} have no form")


def _optional(form: Form[Any]) -> Form[Any]:
    return Form(
        lambda value, arrays: None if value is None else form.write(value, arrays),
        lambda document, arrays: None if document is None else form.read(document, arrays),
    )


def _tuple_form(parts: tuple[Any, ...]) -> Form[Any]:
    if parts[-1] is Ellipsis:
        form = list_of(_form(parts[0]))
        return Form(
            lambda value, arrays: form.write(list(value), arrays),
            lambda document, arrays: tuple(form.read(document, arrays)),
        )
    forms = [_form(part) for part in parts]

    def write(value: tuple[Any, ...], arrays: list[Array]) -> list[Any]:
        return [form.write(entry, arrays) for form, entry in zip(forms, value, strict=True)]

    def read(document: Any, arrays: Arrays) -> tuple[Any, ...]:
        entries = _checked(document, list, "a list")
        if len(entries) != len(forms):
            _refuse(f"{len(forms)} entries", len(entries))
        return tuple(form.read(entry, arrays) for form, entry in zip(forms, entries, strict=True))

    return Form(write, read)


def _mapping_form(make: Callable[[dict[str, Any]], Any], form: Form[Any]) -> Form[Any]:
    def write(value: dict[str, Any], arrays: list[Array]) -> dict[str, Any]:
        return {_read_text(key): form.write(entry, arrays) for key, entry in value.items()}

    def read(document: Any, arrays: Arrays) -> Any:
        entries = _checked(document, dict, "an object")
        return make({_read_text(key): form.read(entry, arrays) for key, entry in entries.items()})

    return Form(write, read)


def _array_form(scalar: Any) -> Form[Any]:
    """Of arrays of one type or one of several, or of any with `Any`."""
    dtypes = [] if scalar is Any else [np.dtype(one) for one in get_args(scalar) or (scalar,)]

    def write(value: Array, arrays: list[Array]) -> int:
        arrays.append(value)
        return len(arrays) - 1

    def read(document: Any, arrays: Arrays) -> Array:
        array = arrays.take(document)
        if dtypes and array.dtype not in dtypes:
            _refuse(f"an array of {' or '.join(map(str, dtypes))}", array.dtype)
        return array

    return Form(write, read)


def _dataclass_form(kind: type[Any]) -> Form[Any]:
    hints = get_type_hints(kind)
    forms = {field.name: _form(hints[field.name]) for field in fields(kind)}

    def write(value: Any, arrays: list[Array]) -> dict[str, Any]:
        return {name: form.write(getattr(value, name), arrays) for name, form in forms.items()}

    def read(document: Any, arrays: Arrays) -> Any:
        entries = _entries(document, set(forms))
        return kind(**{name: form.read(entries[name], arrays) for name, form in forms.items()})

    return Form(write, read)


def _enum_form(kind: type[StrEnum]) -> Form[Any]:
    def read(document: Any, _arrays: Arrays) -> StrEnum:
        if not isinstance(document, str) or document not in {member.value for member in kind}:
            _refuse(f"one of {', '.join(kind)}", document)
        return kind(document)

    return Form(lambda value, _arrays: kind(value).value, read)


def _read_int(document: Any, _arrays: Arrays | None = None) -> int:
    number: int = _checked(document, int, "an integer")
    if not _LEAST <= number <= _MOST:
        _refuse("an integer of 64 bits", number)
    return number


def _read_float(document: Any, _arrays: Arrays) -> float:
    text = _checked(document, str, "a float")
    try:
        number = float.fromhex(text)
    except (ValueError, OverflowError):
        _refuse("a float", text)
    if number.hex() != text and not math.isnan(number):
        _refuse("a float", text)
    return number


def _read_text(document: Any, _arrays: Arrays | None = None) -> str:
    text: str = _checked(document, str, "a text")
    if len(text) > _MOST_TEXT or not text.isprintable():
        _refuse(f"a text of at most {_MOST_TEXT} printable characters", text)
    return text


_SCALARS: dict[Any, Form[Any]] = {
    bool: Form(lambda value, _: bool(value), lambda document, _: _checked(document, bool, "true or false")),
    int: Form(lambda value, _: _read_int(index(value)), _read_int),
    # Hexadecimal, which is exact and has infinities.
    float: Form(lambda value, _: float(value).hex(), _read_float),
    str: Form(lambda value, _: _read_text(value), _read_text),
    NoneType: Form(lambda _value, _: None, lambda document, _: _checked(document, NoneType, "null")),
    ExpifrefError: Form(lambda value, _: write_error(value), lambda document, _: read_error(document)),
}


def _entries(document: Any, names: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = _checked(document, dict, "an object")
    if set(found) != names:
        _refuse(f"an object of {', '.join(sorted(names))}", ", ".join(sorted(found)))
    return found


def _checked(document: Any, kind: type[Any], what: str) -> Any:
    if type(document) is not kind:
        _refuse(what, document)
    return document


def _refuse(what: str, found: object) -> NoReturn:
    raise DataError(
        f"what ranks tell each other must have {in_short(what, 200)}, not "
        f"{in_short(reprlib.repr(found), 60)}: run the same version in all ranks"
    )
