"""The five top-level names belong to this project, and each package says what is public."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from pathlib import Path

import pytest

PACKAGES = ("cli", "expifref", "exporters", "hw_profiles", "quantize")
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", PACKAGES)
def test_package_lies_beside_the_others(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).parent == ROOT / name, "another distribution ships a package of this name"


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_the_name(name: str) -> None:
    owners = importlib.metadata.packages_distributions().get(name, [])
    # An editable install lists no files; a regular one lists this distribution.
    assert set(owners) <= {"expifref"}


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "cli"])
def test_public_names_exist_once(name: str) -> None:
    module = importlib.import_module(name)
    public = module.__all__
    assert len(public) == len(set(public))
    for item in public:
        assert not item.startswith("_")
        assert getattr(module, item) is not None


def test_public_surface_is_small() -> None:
    assert all(len(importlib.import_module(name).__all__) <= 30 for name in PACKAGES if name != "cli")


@pytest.mark.parametrize("name", PACKAGES)
def test_package_is_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").exists()


def test_versions_agree() -> None:
    version = importlib.metadata.version("expifref")
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_data_files_are_inside_the_packages() -> None:
    schema = json.loads((ROOT / "hw_profiles" / "schema.json").read_text(encoding="utf-8"))
    assert schema["$id"]
    assert (ROOT / "expifref" / "data" / "digits.npz").exists()
    assert all((ROOT / "cli" / "report" / f"page.{end}").exists() for end in ("html", "css", "js"))
