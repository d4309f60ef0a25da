"""Events as values over time: pairs of times and units, and the structured arrays of event cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from expifref.counts import count_of
from expifref.encoders import MAX_STEPS
from expifref.exceptions import DataError, ParameterError

from .dataset import Dataset
from .labels import check_classes
from .samples import Samples

__all__ = ["Binning", "EventData", "binned", "counted", "event_dataset", "units_of"]

_MOST = 255
"""Events of a unit in a step that are counted."""


class EventData(Protocol):
    """What a data set of `tonic` is, and anything like it: a list of pairs of events and a label."""

    @property
    def sensor_size(self) -> Sequence[int]:
        """Width and height, of all but cameras 1, and polarities."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Any, Any]: ...


@dataclass(frozen=True)
class Binning:
    """How events become steps; what comes after the last one is left out."""

    steps: int
    step: float  # the time of one, in the unit of the events' times: of tonic microseconds
    counts: bool = False  # whether events of a unit in a step are counted, up to 255; else they are one spike

    def __post_init__(self) -> None:
        if count_of("steps", self.steps) > MAX_STEPS:
            raise ParameterError(f"`steps` must be at most {MAX_STEPS}, not {self.steps}")
        if not 0 < self.step < np.inf:
            raise ParameterError(f"`step` must be a time above 0 and finite, not {self.step:g}")


def binned(times: ArrayLike, units: ArrayLike, step: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether there is an event of a unit in a step, `[steps, units]`; later events are left out.

    Args:
        times: of each event, from 0, in the unit of `step`.
        units: of each event.
        step: the time of one step.
        shape: steps and units.

    Raises:
        DataError: a unit or a time is out of its range.
    """
    spikes = np.zeros(shape, np.bool_)
    spikes[_places(times, units, step, shape)] = True
    return spikes


def counted(times: ArrayLike, units: ArrayLike, step: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """How many events of a unit there are in a step, as shares of 255, `[steps, units]`; else as `binned`.

    The encoder `current` makes the counts of them again; larger ones than 255 end there.
    """
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, _places(times, units, step, shape), 1)
    return np.minimum(counts, _MOST).astype(np.float32) / np.float32(_MOST)


def _places(times: ArrayLike, units: ArrayLike, step: float, shape: tuple[int, int]) -> Any:
    """Step and unit of each event in time."""
    when = np.floor(np.asarray(times, np.float64) / step)
    who = np.asarray(units)
    if when.shape != who.shape or when.ndim != 1:
        raise DataError(f"events must have one time and one unit each, not {when.shape} and {who.shape}")
    if who.size and not (when.min() >= 0 and who.min() >= 0 and who.max() < shape[1]):
        raise DataError(
            f"events must have times from 0 and units below {shape[1]}, not times from {when.min() * step:g} "
            f"and units {who.min()}..{who.max()}"
        )
    inside = when < shape[0]
    return when[inside].astype(np.int64), who[inside].astype(np.int64)


def units_of(events: NDArray[Any], sensor_size: Sequence[int]) -> NDArray[np.int64]:
    """The unit of each event of a structured array with `x` and, where the sensor has them, `y` and `p`.

    Units are counted along x first, then y, then the polarity p.

    Raises:
        DataError: a field is missing, or a value is not of the sensor.
    """
    units = np.zeros(len(events), np.int64)
    for field, size in reversed(tuple(zip("xyp", sensor_size, strict=True))):
        if size == 1:
            continue
        if field not in (events.dtype.names or ()):
            raise DataError(f"events must have the field `{field}`, of which the sensor has {size} values")
        values = events[field].astype(np.int64)
        if values.size and not (values.min() >= 0 and values.max() < size):
            raise DataError(
                f"`{field}` of events must lie in 0..{size - 1}, not {values.min()}..{values.max()}"
            )
        units = units * size + values
    return units


def event_dataset(train: EventData, test: EventData, binning: Binning, name: str = "events") -> Dataset:
    """Event data in Python, such as two data sets of `tonic`, as a data set to train on.

    Args:
        train: to train on; an item is a structured array with the fields `t`, `x` and, where `sensor_size`
            has more than one of them, `y` and `p`, and an integer label.
        test: to test on.
        binning: how events become steps.
        name: of the data set.

    Raises:
        DataError: the two have other sensors, or events or labels break these rules.
    """
    sizes = [tuple(int(size) for size in part.sensor_size) for part in (train, test)]
    if sizes[0] != sizes[1] or len(sizes[0]) != 3:
        raise DataError(
            f"both parts must have one `sensor_size` of width, height and polarities, not {sizes[0]} and "
            f"{sizes[1]}"
        )
    parts = [_samples(part, binning) for part in (train, test)]
    classes = check_classes(name, *(part.labels for part in parts))
    return Dataset(name, parts[0], parts[1], classes)


def _samples(data: EventData, binning: Binning) -> Samples:
    shape = binning.steps, int(np.prod(data.sensor_size))
    values: NDArray[Any] = np.zeros((len(data), *shape), np.float32 if binning.counts else np.bool_)
    labels = np.zeros(len(data), np.int64)
    make = counted if binning.counts else binned
    # By index: nothing says that one can iterate over it.
    for index in range(len(data)):
        events, label = data[index]
        if "t" not in (events.dtype.names or ()):
            raise DataError(f"events of sample {index} must be a structured array with their times in `t`")
        values[index] = make(events["t"], units_of(events, data.sensor_size), binning.step, shape)
        labels[index] = label
    return Samples(values, labels)
