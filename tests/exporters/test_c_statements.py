"""What is written in C for the operations of a body: a statement each, branches where they pay."""

from __future__ import annotations

from exporters.c.helpers import write_helpers
from exporters.c.operations import WRITERS
from exporters.c.unit import Unit
from exporters.c.words import INT32, INT64
from exporters.emitter import Emitter
from quantize.graph.operations import OPERATIONS
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.numbers.intervals import Interval
from tests.emitted_c import small, source_of


def test_a_rounding_helper() -> None:
    text = Emitter()
    write_helpers(text, {("rnd_conv", INT64): None})
    assert (
        str(text)
        == """
/* TRN: x / 2^k toward minus infinity */
static inline int64_t floor_shift_i64(int64_t x, uint32_t k)
{
    return (x < 0) ? (-1 - ((-1 - x) >> k)) : (x >> k);
}

/* RND_CONV: x / 2^k to nearest, ties to even; k is at least 1 */
static inline int64_t rnd_conv_i64(int64_t x, uint32_t k)
{
    const int64_t nudge = ((int64_t)1 << (k - 1U)) - 1 + (floor_shift_i64(x, k) & 1);
    return floor_shift_i64(x + nudge, k);
}
"""
    )


def test_every_operation_has_a_row() -> None:
    assert set(OPERATIONS) <= set(WRITERS)


def test_a_statement_an_operation() -> None:
    body, feeds = small()
    scaled = body.mul(body.feed(0, "accumulator"), body.constant("multiplier", 3), "product")
    biased = body.add(scaled, body.constant("bias", frozen([-5, 7])), "biased")
    site = Quantizer(Format(True, 6, 0), Rounding.RND, Overflow.SAT)
    body.signals["drive"] = body.overflow(body.shift(biased, 4, site.rounding, "scaled"), site, "rescale")
    source = source_of(body.layer("layer0", 2, feeds, "rescale"))
    assert "static const int8_t layer0_weight[2][2] = {\n    {100, -100}, {27, 28}\n};\n" in source
    # Half of 16 is in the constant already.
    assert "static const int8_t layer0_scaled_addend[2] = {\n    3, 15\n};\n" in source
    start = source.index("static void layer0_update")
    assert source[start : source.index("\n}\n", start) + 3] == (
        "static void layer0_update(void)\n"
        "{\n"
        "    for (uint32_t j = 0U; j < 2U; ++j) {\n"
        "        const int32_t accumulator = layer0_accumulator[j];\n"
        "        const int32_t multiplier = 3;\n"
        "        const int32_t product = accumulator * multiplier;\n"
        "        const int32_t scaled = floor_shift_i32(product + layer0_scaled_addend[j], 4U);\n"
        "        const int32_t rescale = scaled; /* Q5.0, SAT */\n"
        "        layer0_drive[j] = (int8_t)rescale;\n"
        "    }\n"
        "}\n"
    )


def test_a_sum_that_something_else_needs_is_rounded_as_it_is() -> None:
    body, feeds = small()
    biased = body.add(body.feed(), body.constant("bias", frozen([-5, 7])), "biased")
    body.signals["biased"] = biased
    source = source_of(body.layer("layer0", 2, feeds, body.shift(biased, 4, Rounding.RND, "scaled")))
    assert "const int32_t scaled = rnd_i32(biased, 4U);" in source


def test_what_one_side_of_a_choice_needs_is_computed_there() -> None:
    body, feeds = small(2)
    waits = body.state("waits", Format(False, 3, 0))
    dear = body.mul(body.feed(0, "a"), body.feed(1, "b"), "dear")
    one = body.constant("one", 1)
    chosen = body.select(body.at_least(waits, one), waits, dear, "chosen")
    body.next["waits"] = body.maximum(body.sub(waits, one), body.constant("zero", 0), "less")
    source = source_of(body.layer("layer0", 2, feeds, chosen))
    assert (
        "        if (waits_before >= one) {\n"
        "            layer0_chosen[j] = (int16_t)waits_before;\n"
        "        } else {\n"
        "            const int32_t a = layer0_accumulator0[j];\n"
        "            const int32_t b = layer0_accumulator1[j];\n"
        "            const int32_t dear = a * b;\n"
        "            layer0_chosen[j] = (int16_t)dear;\n"
        "        }\n"
        "        const int32_t less = (waits_before >= one) ? (waits_before - one) : 0;\n"
    ) in source


def test_names_that_c_has_already_are_changed() -> None:
    body, feeds = small()
    state = body.state("int8_t", Format(True, 16, 0))
    body.next["int8_t"] = body.maximum(state, body.feed(0, "register"), "j")
    body.signals["clamp_i32"] = body.minimum(state, "register", "main")
    layer = body.layer("int8", 2, feeds, "j")
    source = source_of(layer)
    assert "const int32_t register_ = int8_accumulator[j];" in source
    assert "static int16_t int8_int8_t_[2];" in source
    assert "const int32_t main_ = smaller_i32(int8_t_before, register_);" in source


def test_an_overflow_is_written_only_where_it_can_happen() -> None:
    unit, fmt = Unit(), Format(True, 8, 0)

    def written(lo: int, hi: int) -> str:
        return unit.overflowed("x", Interval(lo, hi), fmt, Overflow.SAT, INT32)

    assert written(-128, 127) == "x"
    assert written(-129, 127) == "larger_i32(x, (-128))"
    assert written(-128, 128) == "smaller_i32(x, 127)"
    assert written(-200, 200) == "clamp_i32(x, (-128), 127)"
    assert unit.overflowed("x", Interval(0, 128), fmt, Overflow.WRAP, INT64) == "wrap_i64(x, (-128), 8U)"
