"""Memories of weights: filled by a bitstream or through a port, whole or in banks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exporters.emitter import Emitter
from quantize.graph.layers import Connection, Graph
from quantize.numbers.intervals import Interval

from .memories import Files, hex_text, zero_extended
from .module import Module
from .values import Value, clog2, declaration

__all__ = [
    "BANK",
    "FeedKey",
    "Weights",
    "bank_module",
    "connections",
    "load_ports",
    "load_wires",
    "packed_weights",
    "weight_memory",
    "weights_for",
]

FeedKey = tuple[str, int]
"""A layer and the number of its feed."""

BANK = "weight_bank"
"""Name of the module of a bank."""

_GROUP_BITS = 3
"""One stage brings eight banks to one word."""


@dataclass(frozen=True)
class Weights:
    """How the weights lie in memory."""

    loaded: bool = False
    """Written through a port before use, for RAM that a bitstream cannot fill."""

    word_bits: int | None = None
    """Width of a memory word that holds several weights; None: one weight."""

    bank_words: int | None = None
    """Words of a bank, a power of two: banks have their own registers, and two stages choose among them.

    None: one memory. Else neither `loaded` nor `word_bits` is looked at.
    """

    def lanes(self, bits: int) -> int:
        """Weights in a word, a power of two."""
        return 1 if self.word_bits is None else 1 << (max(self.word_bits // bits, 1).bit_length() - 1)


def load_ports(part: Connection, weights: Weights) -> list[str]:
    """Ports that write a word of weights."""
    if not weights.loaded:
        return []
    lanes = weights.lanes(part.weight_format.bits)
    return [
        "input  logic load_valid",
        f"input  logic [{clog2(max(-(-part.weight.size // lanes), 2)) - 1}:0] load_address",
        f"input  logic [{lanes * part.weight_format.bits - 1}:0] load_data",
    ]


def load_wires(weights: Weights, prefix: str) -> list[tuple[str, str]]:
    """Connections of the port that loads weights to signals with `prefix`."""
    names = ["load_valid", "load_address", "load_data"] if weights.loaded else []
    return [(name, f"{prefix}{name}") for name in names]


def connections(graph: Graph) -> Mapping[FeedKey, Connection]:
    """Every connection, in the order of the layers and their feeds."""
    return {(layer.name, index): one for layer in graph.layers for index, one in enumerate(layer.connections)}


_LOADED_WORD = "word of weights in memory that no bitstream fills"
_BLOCK_RAM = "weights of a connection that stay in block RAM"
_BANK = "words of weights in a block RAM with a register of its own"
"""What the facts of a profile are called that say how weights lie in memory; a profile need not have any."""


def weights_for(graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
    """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values."""
    facts = {fact["what"]: fact["value"] for fact in profile.get("facts", ())}
    parts = connections(graph)
    if word_bits := facts.get(_LOADED_WORD):
        most = facts.get(_BLOCK_RAM) or 0
        how = Weights(loaded=True, word_bits=word_bits)
        return {key: how for key, part in parts.items() if _bits(part) > most}
    if words := facts.get(_BANK):
        return {key: Weights(bank_words=words) for key, part in parts.items() if part.weight.size > words}
    return {}


def _bits(part: Connection) -> int:
    return part.weight.size * part.weight_format.bits


def weight_memory(e: Emitter, files: Files, name: str, part: Connection, weights: Weights) -> Value:
    """The memory of module `name`, read at `base + j`; returns the weight at the stage where it is known."""
    if weights.bank_words is None:
        return _whole(e, files, name, part, weights)
    return _banked(e, files, name, part, weights.bank_words)


def _whole(e: Emitter, files: Files, name: str, part: Connection, weights: Weights) -> Value:
    """One memory; the weight is known two clocks after its address."""
    bits, size = part.weight_format.bits, part.weight.size
    fmt = part.weight_format
    weight = Value("weight", Interval(fmt.lo, fmt.hi), 2)
    lanes = weights.lanes(bits)
    words, address = max(-(-size // lanes), 2), clog2(size)
    lane_bits = (lanes - 1).bit_length()
    e(f"logic [{address - 1}:0] weight_address;")
    e(f"assign weight_address = base + {address}'(j);")
    e(f"logic [{clog2(words) - 1}:0] word_address;")
    source = f"weight_address >> {lane_bits}" if lane_bits else "weight_address"
    read = source if clog2(words) == address else f"{clog2(words)}'({source})"
    if weights.loaded:
        e('(* ram_style = "huge" *)')
        read = f"load_valid ? load_address : {read}"
    e(f"logic [{lanes * bits - 1}:0] weights [0:{words - 1}];")
    e(f"assign word_address = {read};")
    e(f"logic [{lanes * bits - 1}:0] word, word_2;")
    if weights.loaded:
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (load_valid) weights[word_address] <= load_data;")
            e("else            word <= weights[word_address];")
    else:
        files[f"{name}_weights.hex"] = hex_text(_packed(part, lanes, words), lanes * bits)
        e(f'initial $readmemh("{name}_weights.hex", weights);')
        e("always_ff @(posedge clk) word <= weights[word_address];")
    e("always_ff @(posedge clk) word_2 <= word;  // a register after the memory")
    if lanes == 1:
        selected = "word_2"
    else:
        e(f"logic [{lane_bits - 1}:0] lane_1, lane_2;")
        e(f"always_ff @(posedge clk) {{lane_2, lane_1}} <= {{lane_1, weight_address[{lane_bits - 1}:0]}};")
        selected = f"word_2[{bits}*lane_2 +: {bits}]"
    e(f"{declaration(weight)};")
    e(f"assign weight = {selected if fmt.signed else zero_extended(selected)};")
    e()
    return weight


def _banked(e: Emitter, files: Files, name: str, part: Connection, bank_words: int) -> Value:
    """Banks; the weight is known four clocks after its address.

    A block RAM is slow to answer, so nothing lies between it and a register; then eight banks are brought to
    one, and in the next clock the groups of eight.
    """
    fmt, bits, size = part.weight_format, part.weight_format.bits, part.weight.size
    weight = Value("weight", Interval(fmt.lo, fmt.hi), 4)
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
    rows = _packed(part, 1, banks * bank_words)
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
    e(f"{declaration(weight)};")
    e(f"assign weight = {'word_4' if fmt.signed else zero_extended('word_4')};")
    e()
    return weight


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


def _packed(part: Connection, lanes: int, words: int) -> list[int]:
    """Weights, or those of a kernel, in row-major order, the first in the lowest bits of a word."""
    bits = part.weight_format.bits
    flat = np.zeros(words * lanes, np.int64)
    flat[: part.weight.size] = part.weight.ravel()
    mask = (1 << bits) - 1
    return [
        sum((int(value) & mask) << (bits * lane) for lane, value in enumerate(row))
        for row in flat.reshape(words, lanes)
    ]


def packed_weights(part: Connection, weights: Weights) -> list[int]:
    """The words that are loaded through the port, in the order of their addresses."""
    lanes = weights.lanes(part.weight_format.bits)
    return _packed(part, lanes, max(-(-part.weight.size // lanes), 2))
