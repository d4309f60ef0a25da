"""How the files of the packages depend on each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("expifref", "hw_profiles", "quantize", "exporters", "cli")


def test_no_circle_of_imports() -> None:
    """Imports that a function makes when it is called count; those for type checkers alone do not."""
    modules = {name_of(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    needed = {name: {*imported(name, path, modules)} - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as circle:
        raise AssertionError(" <- ".join(circle.args[1])) from None


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(name: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules among `modules` that the file imports at any time: of a package, what it really takes."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in executed(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = f"{source}.{alias.name}"
                found = inside if inside in modules else source
                yield from (found,) if found in modules else ()


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all in it that runs."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children = iter(node.orelse)
    for child in children:
        yield from executed(child)


KINDS = {"SpikingLayer", "ReadoutLayer", "SpikingDescription", "ReadoutDescription"}
MOST_ASKING = 10
"""Functions that may ask what kind a layer is: those that make bodies, modules and steps of it."""

MOST_ROOMS = 12


def test_few_functions_ask_what_kind_a_layer_is() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and asks_for_a_kind(function)
    ]
    assert len(found) <= MOST_ASKING, found


def asks_for_a_kind(function: ast.FunctionDef) -> bool:
    """Whether it has an `isinstance` of one of the kinds, or compares a `kind`."""
    for node in ast.walk(function):
        asked = ast.walk(node.args[1]) if isinstance(node, ast.Call) and len(node.args) == 2 else ()
        if any(isinstance(part, ast.Name) and part.id in KINDS for part in asked):
            return True
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "layer.kind":
            return True
    return False


@pytest.mark.parametrize(
    ("package", "beside"),
    [("quantize", set()), ("expifref", {"__main__.py", "counts.py", "exceptions.py", "installing.py"})],
)
def test_a_package_has_few_rooms(package: str, beside: set[str]) -> None:
    rooms = [path for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()]
    assert 5 < len(rooms) <= MOST_ROOMS
    files = {path.name for path in (ROOT / package).glob("*.py")}
    assert files == {"__init__.py"} | beside
