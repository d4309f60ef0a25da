"""What is claimed of a feed: the sum that leaves for a unit is that of its weights, by the program's matrix.

One unit is followed, which may be any. Its weights are read from that matrix as it is, whatever lanes, words,
banks and slices they lie in; an event counts once, a clock after it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantize.numbers.arrays import Integers

from .claims import Claims
from .feeds import FeedPart
from .layout import lanes_of, row_words
from .memories import Files, hex_text
from .module import Module
from .promises import settles, sweeps
from .values import Value, as_signed, clog2
from .walks import event_clocks

__all__ = ["FEED_QUIET", "Followed", "feed_claims"]

FEED_QUIET = 2
"""Clocks without a unit before a step ends, in which the last sums are cleared."""


@dataclass(frozen=True, eq=False)
class Followed:
    """Units of a layer that a module has: `first` and on of those of `matrix`."""

    matrix: Integers  # [source units, units of the layer]
    first: int


@dataclass(frozen=True)
class _Sizes:
    """Of a feed."""

    units: int
    lanes: int
    words: int  # of a row
    clocks: int  # of an event
    depth: int  # stages at which weights are under way
    sum_bits: int

    @property
    def sum_kind(self) -> str:
        """The type of a sum."""
        return f"logic signed [{self.sum_bits - 1}:0]"


def feed_claims(files: Files, module: Module, part: FeedPart, sum_of: Value, whole: Followed) -> Claims:
    """The claims of the module of `part`, a dense feed; the matrix goes into `files`."""
    connection, how = part.connection, part.weights
    lanes, words = lanes_of(connection, how), row_words(connection, how)
    depth = (2 if how.bank_words is None else 4) + _clocks_of_product(part)
    clocks = int(event_clocks(connection, how))
    sizes = _Sizes(connection.units, lanes, words, clocks, depth, sum_of.width)
    claims = Claims(module, max(depth, part.leaves) + 2)
    claims.constant(f"logic [{clog2(sizes.units) - 1}:0]", "followed")
    claims.e(f"logic [{clog2(words) - 1}:0] its_word;")
    claims.e(f"assign its_word = {clog2(words)}'({f'followed / {lanes}' if words > 1 else 0});")
    claims.given += sweeps(claims, sizes.units, FEED_QUIET).values()
    claims.given += [f"followed < {sizes.units}", *_possible(part)]
    claims.kept |= settles(claims, "settled", "step_done")
    claims.kept["a step is one"] = "!step_done_1 || !settled"
    claims.kept["nothing is taken while it is settled"] = "!settled || !in_ready"
    claims.kept["units pass while it is settled"] = "passed == '0 || settled"
    _reference(files, claims, part, whole, sizes)
    _walk(claims, connection.sources, sizes)
    _sums(claims, sizes)
    _leaves(claims, part.leaves, sizes)
    return claims


def _clocks_of_product(part: FeedPart) -> int:
    """Stages between a weight and what it adds."""
    if not part.stream.graded:
        return 0
    if not part.weights.soft:
        return 1
    return 1 + (-(-part.stream.value_bits // 2) - 1).bit_length()


def _possible(part: FeedPart) -> list[str]:
    """Events are of inputs that there are, with values that they can have."""
    stream = part.stream.plain
    given = [f"in_index < {stream.units}"]
    if stream.graded:
        lo, hi = stream.interval
        value = as_signed("in_value", lo < 0)
        given += [f"{value} >= {lo}", f"{value} <= {hi}"]
    return [f"!in_valid || in_tick || ({' && '.join(given)})"]


def _reference(files: Files, claims: Claims, part: FeedPart, whole: Followed, sizes: _Sizes) -> None:
    """`due_sum`: what the events since the last step give the unit, `its_part` of the last of them."""
    matrix, fmt, stream = whole.matrix, part.connection.weight_format, part.stream.plain
    e, bits, columns = claims.e, fmt.bits, clog2(matrix.shape[1])
    file = f"{part.name}_claims.hex"
    rows = [[*row, *[0] * ((1 << columns) - len(row))] for row in matrix.tolist()]
    files[file] = hex_text([weight for row in rows for weight in row], bits)
    e(f"logic [{bits - 1}:0] matrix [0:{(len(rows) << columns) - 1}];")
    e(f'initial $readmemh("{file}", matrix);')
    taken = "in_valid && in_ready && !in_tick"
    claims.register(f"logic [{stream.index_bits - 1}:0]", "event", (taken, "in_index"))
    claims.register("logic", "counts", ("1'b1", taken))
    e(f"logic [{columns - 1}:0] column;")
    e(f"assign column = {columns}'(followed) + {columns}'d{whole.first};")
    e(f"logic [{bits - 1}:0] its_weight;")
    e("assign its_weight = matrix[{event, column}];")
    text = f"{sizes.sum_bits}'({as_signed('its_weight', fmt.signed)})"
    if stream.graded:
        signed = stream.interval.lo < 0
        kind = f"logic {'signed ' if signed else ''}[{stream.value_bits - 1}:0]"
        claims.register(kind, "its_value", (taken, "in_value"))
        claims.kept["a value is that of its event"] = "state != ACCUMULATE || value == its_value"
        text = f"{text} * {sizes.sum_bits}'({as_signed('its_value', signed)})"
    e(f"{sizes.sum_kind} its_part;")
    e(f"assign its_part = {text};")
    claims.register(sizes.sum_kind, "due_sum", ("step_done", "'0"), ("counts", "due_sum + its_part"))


def _walk(claims: Claims, sources: int, sizes: _Sizes) -> None:
    """An event adds to the unit once, when the walk is at its word; until then it `waits`."""
    claims.e("logic here;")
    claims.e("assign here = issue && j == its_word;")
    claims.register("logic", "waits", ("accept && !in_tick", "1'b1"), ("here", "1'b0"))
    row = f"{clog2(sources * sizes.words)}'(event) * {sizes.words}"
    claims.kept |= {
        "nothing moves while it clears": "!clearing || (state == IDLE && active == '0 && passed == '0)",
        "it is not settled while sums are cleared": "!clearing || !settled",
        "no more is cleared than there is": f"cleared <= {sizes.words}",
        "it walks, rests or is settled": "state == IDLE || state == ACCUMULATE || state == SETTLE",
        "an event is one of those that there are": f"state != ACCUMULATE || event < {sources}",
        "an event counts as its walk begins": "!counts || (state == ACCUMULATE && j == '0)",
        "a walk has its length": f"j < {sizes.clocks}",
        "the walk is along the row of its input": f"state != ACCUMULATE || base == {row}",
        "an event waits for its word": "waits == (state == ACCUMULATE && j <= its_word)",
    }


def _sums(claims: Claims, sizes: _Sizes) -> None:
    """The sum in memory is that of the weights which have come so far, until its word has left."""
    e, lanes, bits = claims.e, sizes.lanes, sizes.sum_bits
    end = ("step_done", "'0")
    claims.register(sizes.sum_kind, "added_up", end, ("here", "added_up + its_part"))
    so_far = claims.late(sizes.sum_kind, "added_up", sizes.depth, end)
    registers = lanes > 1 and sizes.clocks == 1
    e(f"logic [{lanes * bits - 1}:0] its_sums;")
    e(f"assign its_sums = {'sums' if registers else 'accumulators[its_word]'};")
    e(f"logic signed [{bits - 1}:0] its_sum;")
    e(f"assign its_sum = its_sums[{f'{bits} * (followed % {lanes})' if lanes > 1 else 0} +: {bits}];")
    e("logic left;")
    e(f"assign left = passed == {sizes.units} || passed >= (32'(its_word) + 1) * {lanes};")
    emptied = claims.late("logic", "left", 1, end)
    claims.kept["what waits is what is missing"] = (
        "due_sum + (counts ? its_part : '0) == added_up + (waits ? its_part : '0)"
    )
    claims.kept["there is no sum while sums are cleared"] = f"!clearing || ({so_far} == '0 && added_up == '0)"
    claims.kept["the sum is that of the weights so far"] = (
        f"cleared <= its_word || its_sum == ({emptied} ? '0 : {so_far})"
    )


def _leaves(claims: Claims, leaves: int, sizes: _Sizes) -> None:
    claims.e("logic leaves;")
    claims.e("assign leaves = sweep_valid && sweep_index == followed;")
    now, due = claims.late("logic", "leaves", leaves), claims.late(sizes.sum_kind, "due_sum", leaves)
    claims.kept["the sum that leaves is that of the events"] = f"!{now} || accumulator == {due}"
