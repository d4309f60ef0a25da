"""What the site has that its pages do not: its commands, told by themselves, and links of notebooks."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from pages import GENERATED  # beside this file, which no package holds

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]+)(#[^)]*)?\)")
_HREF = re.compile(r'href="([^":#]+)\.(?:md|py)(#[^"]*)?"')

log = logging.getLogger("mkdocs.hooks.expifref")


def on_page_markdown(markdown: str, page: Any, **_others: Any) -> str:
    """Put in what is generated, and name files of the repository instead of linking to them."""
    folder = Path(page.file.abs_src_path).parent
    for mark, made in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, made())

    def named(found: re.Match[str]) -> str:
        target = (folder / found[2]).resolve()
        if target.is_relative_to(ROOT / "docs") or not target.exists():
            return found[0]
        return f"{found[1]} (`{target.relative_to(ROOT)}`)"

    return _LINK.sub(named, markdown)


def on_page_content(html: str, page: Any, files: Any, **_others: Any) -> str:
    """Links of notebooks, which are not Markdown any more when mkdocs would look for them."""
    if not page.file.src_uri.endswith(".py"):
        return html
    folder = Path(page.file.src_uri).parent

    def rewritten(found: re.Match[str]) -> str:
        suffix = ".py" if found[0].split('"')[1].split("#")[0].endswith(".py") else ".md"
        wanted = _normal(folder / f"{found[1]}{suffix}")
        if files.get_file_from_path(wanted) is None:
            log.warning("%s links to %s, which is no page", page.file.src_uri, wanted)
        return f'href="{found[1]}.html{found[2] or ""}"'

    return _HREF.sub(rewritten, html)


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
