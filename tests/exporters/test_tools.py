"""Finding external tools, and what is said where one is missing."""

from __future__ import annotations

import importlib.metadata
import stat
import tomllib
from pathlib import Path

import pytest

from expifref.exceptions import MissingToolError, ParameterError, ToolError
from exporters.emitter import Emitter
from exporters.executors import EXECUTORS, all_executors, make_executors, missing_executors
from exporters.running import run_tool
from exporters.tools import (
    TOOLS,
    find_tool,
    missing_tools,
    override_name,
    require_tool,
    tool_version,
    tools_are_required,
)
from exporters.verification import ExecutorResult, Verification
from hw_profiles import load_profile
from tests.networks import lowered, network
from tests.tools import need


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any tool."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    for user in ("exporters.tools", "expifref.installing"):
        monkeypatch.setattr(f"{user}.find_spec", lambda _name: None)
    for name in TOOLS:
        monkeypatch.delenv(override_name(name), raising=False)


@pytest.mark.parametrize("name", TOOLS)
def test_every_row_says_how_to_install(name: str) -> None:
    tool = TOOLS[name]
    assert [bool(tool.debian), bool(tool.wheel), tool.python is not None].count(True) == 1
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["tools"]
    assert not tool.wheel or tool.wheel in [wanted.partition(">")[0] for wanted in extras]
    assert tool.purpose.strip(". ") == tool.purpose != ""


@pytest.mark.usefixtures("nothing")
def test_a_missing_tool_is_one_sentence() -> None:
    assert missing_tools(TOOLS) == tuple(TOOLS)
    with pytest.raises(MissingToolError) as caught:
        require_tool("clang")
    assert str(caught.value) == (
        "`clang` must be installed (C on this machine, second compiler), but was not found: "
        "run `apt-get install -y --no-install-recommends clang`, or set EXPIFREF_CLANG to its path"
    )
    assert tool_version("clang") is None


@pytest.mark.usefixtures("nothing")
def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(override_name("wasmtime"), "/somewhere")  # a package is where imports find it
    with pytest.raises(MissingToolError) as caught:
        require_tool("wasmtime")
    assert str(caught.value) == (
        "`wasmtime` must be installed (run WebAssembly), but was not found: "
        f"run `uv pip install --python {tmp_path}/python wasmtime`"
    )
    assert tool_version("wasmtime") is None


def test_a_package_has_a_place_and_a_version() -> None:
    need("wasmtime")
    place = find_tool("wasmtime")
    assert place is not None
    assert (place / "__init__.py").exists()
    assert tool_version("wasmtime") == importlib.metadata.version("wasmtime")


@pytest.mark.usefixtures("nothing")
def test_an_override_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = script(tmp_path / "own", "echo tool 1.2.3")
    monkeypatch.setenv("EXPIFREF_QEMU_SYSTEM_ARM", str(own))
    assert find_tool("qemu-system-arm") == own
    assert tool_version("qemu-system-arm") == "1.2.3"
    monkeypatch.setenv("EXPIFREF_QEMU_SYSTEM_ARM", "/nowhere/qemu")
    with pytest.raises(MissingToolError) as caught:
        require_tool("qemu-system-arm")
    assert str(caught.value) == (
        "EXPIFREF_QEMU_SYSTEM_ARM must name a program that can be run as `qemu-system-arm`, "
        "not `/nowhere/qemu`: correct it, or unset it"
    )


@pytest.mark.usefixtures("nothing")
def test_a_compiler_without_its_library_is_missing(tmp_path: Path) -> None:
    script(tmp_path / "arm-none-eabi-gcc", "echo picolibc.specs")
    assert find_tool("arm-none-eabi-gcc") is None
    with pytest.raises(
        MissingToolError, match=r"^`arm-none-eabi-gcc` with `picolibc.specs` must be installed"
    ):
        require_tool("arm-none-eabi-gcc")


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"^a tool must be one of make, gcc, .*, not `cc1`$"):
        find_tool("cc1")


@pytest.mark.usefixtures("nothing")
def test_a_failing_tool_says_its_last_words(tmp_path: Path) -> None:
    script(tmp_path / "make", "echo no rule >&2; exit 2")
    with pytest.raises(ToolError, match=r"^`make` must succeed, but ended with code 2: no rule$"):
        run_tool("make", [])
    script(tmp_path / "make", "exec /bin/sleep 5")
    with pytest.raises(ToolError, match=r"^`make` must end within 0.1 s, but was still running$"):
        run_tool("make", [], timeout_s=0.1)


@pytest.mark.parametrize(("value", "required"), [("true", True), ("True", True), ("", False), ("0", False)])
def test_continuous_integration_requires_tools(
    monkeypatch: pytest.MonkeyPatch, value: str, required: bool
) -> None:
    monkeypatch.setenv("CI", value)
    assert tools_are_required() is required


@pytest.mark.usefixtures("nothing")
def test_a_tool_backed_test_is_skipped_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^not installed: clang; run `apt-get install "):
        need("clang")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^not installed: clang; run `apt-get install "):
        need("clang")
    with pytest.raises(pytest.skip.Exception, match=r"^not installed: lava-python; run `python3.10 -m venv "):
        need("lava-python")  # of another Python


@pytest.mark.usefixtures("nothing")
def test_an_environment_of_another_python_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In that of this process or beside it, where it has the module; what is chosen goes first."""
    monkeypatch.setattr("sys.executable", str(tmp_path / ".venv-other" / "bin" / "python"))
    peer = tmp_path / ".venv" / "peers" / "lava" / "bin" / "python"
    peer.parent.mkdir(parents=True)
    script(peer, "exit 1")
    assert find_tool("lava-python") is None
    own = tmp_path / ".venv-other" / "peers" / "lava" / "bin" / "python"
    own.parent.mkdir(parents=True)
    script(own, "echo 0.10.0")
    found = find_tool("lava-python")
    assert found is not None
    assert found.samefile(own)
    assert tool_version("lava-python") == "0.10.0"
    monkeypatch.setenv("EXPIFREF_LAVA_PYTHON", "/nowhere/python")
    assert find_tool("lava-python") is None


@pytest.mark.usefixtures("nothing")
def test_executors_without_tools_are_left_out_and_named() -> None:
    missing = missing_executors()
    assert set(missing) == {name for name, row in EXECUTORS.items() if row.ways}
    assert missing["c-host"].startswith("make and gcc are not installed: apt-get install")
    program = lowered(network((4, 3, 2)), "generic-16bit")
    profile = load_profile("generic-16bit")
    assert set(all_executors(program, profile).made) == set(EXECUTORS) - set(missing)
    with pytest.raises(MissingToolError, match=r"^`gcc` must be installed"):
        make_executors(["c-host"], program, profile)


def test_an_executor_that_did_not_run_fails_where_all_are_required() -> None:
    entry = ExecutorResult(samples=1, values=1)
    assert Verification({"it": entry}, {"other": "its tool is missing"}).passed
    assert not Verification({"it": entry}, {"other": "its tool is missing"}, all_required=True).passed
    assert Verification({"it": entry}, {}, all_required=True).passed


def test_the_emitter_indents_and_leaves_empty_lines_empty() -> None:
    text = Emitter()
    text("a {")
    with text.indent():
        text("b")
        text()
        with text.indent():
            text("c")
    text("}")
    assert str(text) == "a {\n    b\n\n        c\n}\n"
