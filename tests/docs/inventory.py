"""What a reader may copy from the pages: snippets in fences and indented blocks, and commands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHAPTERS", "PAGES", "ROOT", "SHELL", "Snippet", "mentions", "name_of", "snippets", "steps_of"]

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "docs" / "tutorial").glob("*.py"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *CHAPTERS,
]
SHELL = (
    "expifref",
    "make",
    "pip",
    "pipx",
    "uv",
    "python",
    "python3",
    "python3.10",
    "cd",
    "source",
    "export",
    "git",
    "gcc",
    "verilator",
)
"""An indented block whose first word is one of these is of a shell; what else is indented is no code."""

_FENCE = re.compile(r"( *)```(\S*)\s*$")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Snippet:
    """Lines of a page that belong together, and the line of the page where they begin."""

    language: str  # of the fence; `sh` or `text` of what is indented; `mention` of code in a sentence
    text: str
    line: int


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def snippets(page: Path) -> list[Snippet]:
    """All of a page in its order; of a chapter those of its cells of text."""
    return list(_split(_markdown(page).splitlines()))


def mentions(page: Path) -> list[str]:
    """All code in the sentences of a page."""
    return [snippet.text for snippet in snippets(page) if snippet.language == "mention"]


def steps_of(snippet: Snippet) -> list[str]:
    """The commands of a snippet for a shell, one by one, without comments."""
    lines = snippet.text.replace("\\\n", " ").splitlines()
    bare = (re.sub(r"(^|\s+)# .*$", "", line).strip() for line in lines)
    return [step.strip() for line in bare for step in line.split(" && ") if step]


def _markdown(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    return re.sub(r"^(?:# ?(.*)|[^#\n].*)$", lambda line: line[1] or "", text, flags=re.MULTILINE)


def _split(lines: list[str]) -> Iterator[Snippet]:
    at, prose = 0, 0
    while at < len(lines):
        end, language = _block(lines, at)
        if end == at:
            at += 1
            continue
        yield from _mentioned(lines[prose:at], prose)
        inside = lines[at + 1 : end - 1] if _FENCE.match(lines[at]) else lines[at:end]
        yield Snippet(language, _dedented(inside), at + 1)
        at = prose = end
    yield from _mentioned(lines[prose:], prose)


def _block(lines: list[str], at: int) -> tuple[int, str]:
    """Where the block that begins at line `at` ends, and its language; `at` itself where none begins."""
    if fence := _FENCE.match(lines[at]):
        closing = f"{fence[1]}```"
        return lines.index(closing, at + 1) + 1, fence[2]
    if not lines[at].startswith("    ") or (at and lines[at - 1].strip()):
        return at, ""
    end = at
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
        end += 1
    return end, "sh" if re.match(rf"(?:\w+\$ )?({'|'.join(SHELL)}) ", lines[at].strip()) else "text"


def _mentioned(prose: list[str], above: int) -> Iterator[Snippet]:
    text = "\n".join(prose)
    for found in _CODE.finditer(text):
        line = above + 1 + text.count("\n", 0, found.start())
        yield Snippet("mention", " ".join(found[1].split()), line)


def _dedented(lines: list[str]) -> str:
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "".join(f"{line[depth:]}\n" for line in lines)
