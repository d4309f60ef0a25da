"""A proof in parts: what no prover answers as a whole, cut at the products and at the results of tables.

That a pipeline multiplies as its reference does is one part; in the others a product is any number, the same
in both, and must have the same factors. In one of them the tables must give the same; in the other what
they give is any number too. By the order of the operations the parts are the whole. yosys cuts the wires of
the two descriptions as they stand; neither is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporters.emitter import Emitter

from .late import Late
from .module import Module, connect, module
from .pipeline import Product
from .units import Units
from .values import Value, cut, declaration, extend, literal

__all__ = [
    "WHOLE",
    "Part",
    "Wires",
    "code_ports",
    "cut_commands",
    "cut_products",
    "factor_commands",
    "factors_module",
    "parts_of",
    "wires_of",
]


@dataclass(frozen=True)
class Part:
    """What is asked at a time. Results are called as in the list of operations."""

    name: str
    products: tuple[Product, ...] = ()  # cut
    entering: Mapping[str, Value] = field(default_factory=dict)  # results that may be any number
    leaving: Mapping[str, Value] = field(
        default_factory=dict
    )  # results that must agree, in place of the last


WHOLE = Part("equivalence")


def cut_products(units: Units) -> tuple[Product, ...]:
    """The products of `units` of which no factor is a constant."""
    return tuple(
        product for product in units.products if all(factor.stage is not None for factor in product.factors)
    )


def parts_of(units: Units) -> list[Part]:
    """The parts beside that of the products themselves; none where there is nothing to cut."""
    products, tables = cut_products(units), units.tables
    inner = {f"r_{name}_PRODUCT" for name in tables}
    of_tables = tuple(one for one in products if one.result.name in inner)
    others = tuple(one for one in products if one.result.name not in inner)
    if not products:
        return []
    rest = Part("rest", others, tables)
    return [Part("tables", of_tables, {}, tables), rest] if tables else [rest]


def cut_commands(layer: str, part: Part) -> Iterator[str]:
    """The commands of yosys that cut the wires of a part.

    They go before all others, which may give a wire the name of what drives it.
    """
    for product in part.products:
        yield f"expose -input {layer}_units/w:{product.result.name}"
        yield f"expose -input {layer}_reference/w:{_word(product)}"
        yield from (f"expose {layer}_reference/w:{_word(product)}_{side}" for side in "AB")
    yield from (f"expose {layer}_units/w:{factor.name}" for factor in _read(part))
    for how, results in (("expose -input", part.entering), ("expose", part.leaving)):
        for name, value in results.items():
            yield f"{how} {layer}_units/w:{value.name}"
            yield f"{how} {layer}_reference/w:w_{name}"


def factor_commands(layer: str, cuts: Sequence[Product]) -> Iterator[str]:
    """Those by which the factors of the pipeline enter the reference."""
    for product in cuts:
        yield f"expose {layer}_units/w:{product.result.name}"
        yield from (f"expose {layer}_reference/w:{_word(product)}{end}" for end in ("", "_FITS"))
        yield from (f"expose -input {layer}_reference/w:{_word(product)}_{side}" for side in "AB")
    yield from (f"expose {layer}_units/w:{factor.name}" for factor in _factors(cuts))


def factors_module(layer: str, units: Units, width: int) -> Module:
    """The module `LAYER_products`: `differs` must never rise, whatever enters the pipeline."""
    one, cuts = Module(f"{layer}_products"), cut_products(units)
    e, ports = one.text, [*units.accumulators.values(), *units.before.values()]
    ports += [Value(field.name, field.stored, units.constants_stage) for field in units.constants]
    notes = ["`differs` must never rise: the reference has the products of the factors of the pipeline."]
    entering = [f"input  {declaration(port)}" for port in ports]
    with module(e, one.name, [*entering, "output logic differs"], notes):
        for value in (*_factors(cuts), *(product.result for product in cuts)):
            e(f"{declaration(value)};")
        wires = [*ports, *_factors(cuts), *(product.result for product in cuts)]
        connect(e, f"{layer}_units", "pipeline", [(value.name, value.name) for value in wires])
        places = []
        for product in cuts:
            word = _word(product)
            e(f"logic signed [{width - 1}:0] {word};")
            e(f"logic {word}_FITS;")
            places += [f".{word}({word})", f".{word}_FITS({word}_FITS)"]
            for part, factor in zip("AB", product.factors, strict=True):
                places.append(f".{word}_{part}({extend(factor, width)})")
        e(f"{layer}_reference reference ({', '.join(places)});")
        differing = (f"{_word(one)}_FITS && {extend(one.result, width)} != {_word(one)}" for one in cuts)
        e(f"assign differs = {' || '.join(differing)};")
    return one


@dataclass(frozen=True)
class Wires:
    """What a comparison connects where a part is cut, and what must not be."""

    pipeline: list[tuple[str, str]] = field(default_factory=list)
    reference: list[tuple[str, str]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def code_ports(part: Part) -> list[str]:
    """The ports by which any number enters for each product and result."""
    words = {_word(product): product.result for product in part.products}
    words |= {f"w_{name}": value for name, value in part.entering.items()}
    return [f"input  logic signed [{value.width - 1}:0] {word}_code" for word, value in words.items()]


def wires_of(e: Emitter, late: Late, part: Part, width: int) -> Wires:
    """Give the reference any numbers, and the pipeline the same when it is there."""
    found = Wires()
    if part is WHOLE:
        return found
    e("logic possible;")
    found.reference.append(("possible", "possible"))
    for factor in _read(part):
        e(f"{declaration(factor)};")
        found.pipeline.append((factor.name, factor.name))
    for name, value in part.entering.items():
        _enter(e, found, value, f"w_{name}", width)
        given = late.at(f"w_{name}", f"w_{name}_code", value.width, value.stage or 0)
        e(f"assign {value.name} = {given};")
    for product in part.products:
        _enter(e, found, product.result, _word(product), width)
        _cut(e, late, found, product, width)
    for name, value in part.leaving.items():
        e(f"{declaration(value)};")
        e(f"logic signed [{width - 1}:0] w_{name};")
        found.pipeline.append((value.name, value.name))
        found.reference.append((f"w_{name}", f"w_{name}"))
        stage = value.stage or 0
        expected = late.at(f"w_{name}", f"w_{name}", width, stage)
        possible = late.at("possible", "possible", 1, stage)
        found.differing.append(f"{possible} && {extend(value, width)} != $signed({expected})")
    return found


def _enter(e: Emitter, found: Wires, value: Value, word: str, width: int) -> None:
    """Connect a wire of the pipeline, and its word of the reference to a code."""
    e(f"{declaration(value)};")
    found.pipeline.append((value.name, value.name))
    found.reference.append((word, cut(f"{word}_code", width)))


def _cut(e: Emitter, late: Late, found: Wires, product: Product, width: int) -> None:
    """The product is that of the reference, for the same factors.

    Other factors are right only where the second of the pipeline is as large as it can be: right of a table,
    where the reference has a constant. The product is then a known multiple of the first.
    """
    word, result, (a, b) = _word(product), product.result, product.factors
    stage, most, agreeing = result.stage or 0, literal(b.interval.hi, width), []
    for side, factor in zip("AB", product.factors, strict=True):
        name = f"{word}_{side}"
        e(f"logic signed [{width - 1}:0] {name};")
        found.reference.append((name, name))
        agreeing.append(f"{extend(factor, width)} == $signed({late.at(name, name, width, stage)})")
    e(f"logic {word}_SAME;")
    e(f"assign {word}_SAME = {' && '.join(agreeing)};")
    given = late.at(word, f"{word}_code", result.width, stage)
    multiple = cut(f"{extend(a, width)} * {most}", result.width)
    e(f"assign {result.name} = {word}_SAME ? {given} : {multiple};")
    possible = late.at("possible", "possible", 1, stage)
    found.differing.append(f"{possible} && !{word}_SAME && {extend(b, width)} != {most}")


def _factors(cuts: Sequence[Product]) -> list[Value]:
    """Each factor once."""
    return list({factor.name: factor for product in cuts for factor in product.factors}.values())


def _read(part: Part) -> list[Value]:
    """The factors that do not enter."""
    entering = {value.name for value in part.entering.values()}
    return [factor for factor in _factors(part.products) if factor.name not in entering]


def _word(product: Product) -> str:
    """What the reference calls a product."""
    return f"w_{product.result.name.removeprefix('r_')}"
