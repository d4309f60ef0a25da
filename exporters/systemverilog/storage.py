"""Memories of weights: filled by a bitstream or through a port, whole, in banks or in columns."""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.graph.layers import Connection
from quantize.numbers.intervals import Interval

from .layout import Words, load_bits, load_columns, load_count, words_of
from .memories import Files, hex_text, zero_extended
from .module import Module
from .values import Value, clog2, cut, declaration
from .weights import Weights

__all__ = ["BANK", "bank_module", "load_ports", "weight_memory", "word_memory"]

BANK = "weight_bank"
"""Name of the module of a bank."""

_GROUP_BITS = 3
"""One stage brings eight banks to one word."""


def load_ports(part: Connection, weights: Weights, prefix: str = "") -> list[str]:
    """Ports with `prefix` that write a word of weights."""
    if not weights.loaded:
        return []
    return [
        f"input  logic {prefix}load_valid",
        f"input  logic [{clog2(load_count(part, weights)) - 1}:0] {prefix}load_address",
        f"input  logic [{load_bits(part, weights) - 1}:0] {prefix}load_data",
    ]


def weight_memory(e: Emitter, files: Files, name: str, part: Connection, weights: Weights) -> Value:
    """The memory of module `name`, read at `base + j`; returns the weight at the stage where it is known."""
    fmt = part.weight_format
    word, stage = word_memory(e, files, name, part, weights)
    weight = Value("weight", Interval(fmt.lo, fmt.hi), stage)
    e(f"{declaration(weight)};")
    e(f"assign weight = {word if fmt.signed else zero_extended(word)};")
    e()
    return weight


def word_memory(e: Emitter, files: Files, name: str, part: Connection, weights: Weights) -> tuple[str, int]:
    """The same for a word of all lanes: its bits, and the stage where they are known."""
    words = words_of(part, weights)
    if weights.bank_words is not None:
        return _banked(e, files, name, words, weights.bank_words), 4
    if weights.loaded and weights.lanes > 1:
        return _columns(e, words, load_bits(part, weights), load_columns(part, weights)), 2
    return _whole(e, files, name, words, weights), 2


def _whole(e: Emitter, files: Files, name: str, words: Words, weights: Weights) -> str:
    """One memory; the word is known two clocks after its address."""
    bits, size = words.bits, len(words.values)
    count = weights.per_word(bits) if weights.lanes == 1 else 1
    depth, address = max(-(-size // count), 2), clog2(size)
    lane_bits = (count - 1).bit_length()
    e(f"logic [{address - 1}:0] weight_address;")
    e(f"assign weight_address = base + {address}'(j);")
    e(f"logic [{clog2(depth) - 1}:0] word_address;")
    source = f"weight_address >> {lane_bits}" if lane_bits else "weight_address"
    read = source if clog2(depth) == address else f"{clog2(depth)}'({source})"
    if weights.loaded:
        e('(* ram_style = "huge" *)')
        read = f"load_valid ? load_address : {read}"
    e(f"logic [{count * bits - 1}:0] weights [0:{depth - 1}];")
    e(f"assign word_address = {read};")
    e(f"logic [{count * bits - 1}:0] word, word_2;")
    if weights.loaded:
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (load_valid) weights[word_address] <= load_data;")
            e("else            word <= weights[word_address];")
    else:
        packed = words.packed(count, depth)
        files[f"{name}_weights.hex"] = hex_text(packed.values, packed.bits)
        e(f'initial $readmemh("{name}_weights.hex", weights);')
        e("always_ff @(posedge clk) word <= weights[word_address];")
    e("always_ff @(posedge clk) word_2 <= word;  // a register after the memory")
    if count == 1:
        return "word_2"
    e(f"logic [{lane_bits - 1}:0] lane_1, lane_2;")
    e(f"always_ff @(posedge clk) {{lane_2, lane_1}} <= {{lane_1, weight_address[{lane_bits - 1}:0]}};")
    return f"word_2[{bits}*lane_2 +: {bits}]"


def _columns(e: Emitter, words: Words, bits: int, columns: int) -> str:
    """A memory for each part of a word that is loaded at a time, all read at once; known two clocks later."""
    depth = max(len(words.values), 2)
    address, low = clog2(depth), (columns - 1).bit_length()
    e(f"logic [{address - 1}:0] word_address;")
    loading = f"{address}'(load_address{f' >> {low}' if low else ''})"
    e(f"assign word_address = load_valid ? {loading} : {address}'(base) + {address}'(j);")
    e(f"logic [{words.bits - 1}:0] word, word_2;")
    for column in range(columns):
        # Of the last column a word may need some bits only.
        used = min(bits, words.bits - bits * column)
        read = f"weights_{column}[word_address]"
        e('(* ram_style = "huge" *)')
        e(f"logic [{bits - 1}:0] weights_{column} [0:{depth - 1}];")
        chosen = f" && load_address[{low - 1}:0] == {low}'d{column}" if low else ""
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if (load_valid{chosen}) weights_{column}[word_address] <= load_data;")
            e(f"else word[{bits * column} +: {used}] <= {read if used == bits else cut(read, used)};")
    e("always_ff @(posedge clk) word_2 <= word;  // a register after the memories")
    return "word_2"


def _banked(e: Emitter, files: Files, name: str, words: Words, bank_words: int) -> str:
    """Banks; the word is known four clocks after its address.

    A block RAM is slow to answer, so nothing lies between it and a register; then eight banks are brought to
    one, and in the next clock the groups of eight.
    """
    bits, size = words.bits, len(words.values)
    inside, banks = clog2(bank_words), -(-size // bank_words)
    address = max(clog2(size), inside + 1)
    number = address - inside
    low = min(number, _GROUP_BITS)
    groups = -(-banks >> low)
    e(f"logic [{address - 1}:0] weight_address;")
    e(f"assign weight_address = {address}'(base) + {address}'(j);")
    e(f"logic [{number - 1}:0] chosen_1, chosen_2;  // the bank of the weight")
    bank_bits = f"weight_address[{address - 1}:{inside}]"
    e(f"always_ff @(posedge clk) {{chosen_2, chosen_1}} <= {{chosen_1, {bank_bits}}};")
    e(f"logic [{bits - 1}:0] groups_3 [0:{groups - 1}];")
    rows = words.packed(1, banks * bank_words).values
    for bank in range(groups << low):
        group, place = bank >> low, bank % (1 << low)
        if place == 0:
            e(f"logic [{bits - 1}:0] words_{group} [0:{(1 << low) - 1}];")
            e(f"always_ff @(posedge clk) groups_3[{group}] <= words_{group}[chosen_2[{low - 1}:0]];")
        if bank >= banks:
            e(f"assign words_{group}[{place}] = '0;")
            continue
        file = f"{name}_weights_{bank}.hex"
        files[file] = hex_text(rows[bank * bank_words : (bank + 1) * bank_words], bits)
        e(f'{BANK} #(.FILE("{file}"), .BITS({bits}), .WORDS({bank_words})) bank_{bank} (')
        with e.indent():
            e(".clk(clk),")
            e(f".address(weight_address[{inside - 1}:0]),")
            e(f".word(words_{group}[{place}])")
        e(");")
    e(f"logic [{bits - 1}:0] word_4;")
    if groups > 1:
        e(f"logic [{number - low - 1}:0] chosen_3;")
        e(f"always_ff @(posedge clk) chosen_3 <= chosen_2[{number - 1}:{low}];")
    e(f"always_ff @(posedge clk) word_4 <= groups_3[{'chosen_3' if groups > 1 else '0'}];")
    return "word_4"


def bank_module() -> Module:
    """The module of a bank."""
    one = Module(BANK)
    one.text(_BANK_TEXT)
    return one


_BANK_TEXT = """\
// A block RAM of weights with a register behind it.
module weight_bank #(
    parameter FILE = "",
    parameter int BITS = 8,
    parameter int WORDS = 2048
) (
    input  logic clk,
    input  logic [$clog2(WORDS)-1:0] address,
    output logic [BITS-1:0] word
);
    logic [BITS-1:0] weights [0:WORDS-1];
    if (FILE != "") initial $readmemh(FILE, weights);
    logic [BITS-1:0] read;
    always_ff @(posedge clk) read <= weights[address];
    always_ff @(posedge clk) word <= read;
endmodule"""
