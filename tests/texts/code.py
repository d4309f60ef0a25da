"""What is left of source code without its comments: as a compiler sees it, in a few lines."""

from __future__ import annotations

import io
import re
import tokenize

__all__ = ["c_code", "javascript_code", "python_code", "systemverilog_code"]

_TRIGRAPHS = {"=": "#", "/": "\\", "'": "^", "(": "[", ")": "]", "!": "|", "<": "{", ">": "}", "-": "~"}
_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|.", re.DOTALL)
_SV_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|.", re.DOTALL)
_JS_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|`(?:\\.|[^`\\])*`|.", re.DOTALL)
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


def c_code(text: str) -> str:
    """C99 after its translation phase 3, with every line end that some editor or compiler may know."""
    text = _LINE_ENDS.sub("\n", text)
    text = re.sub(r"\?\?([=/'()!<>-])", lambda found: _TRIGRAPHS[found[1]], text)
    return _without_comments(_TOKEN, re.sub(r"\\[ \t]*\n", "", text))


def systemverilog_code(text: str) -> str:
    """SystemVerilog likewise; tools differ in whether a backslash continues a comment: none may be there."""
    text = _LINE_ENDS.sub("\n", text)
    assert re.search(r"\\[ \t]*\n", text) is None
    return _without_comments(_SV_TOKEN, text)


def javascript_code(text: str) -> str:
    """JavaScript likewise; nothing continues a comment to the end of a line."""
    return _without_comments(_JS_TOKEN, _LINE_ENDS.sub("\n", text))


def python_code(text: str) -> str:
    """Python likewise, by its own tokens: nothing continues a comment, and a string is no comment."""
    tokens = tokenize.generate_tokens(io.StringIO(_LINE_ENDS.sub("\n", text)).readline)
    return " ".join(token.string for token in tokens if token.type != tokenize.COMMENT)


def _without_comments(token: re.Pattern[str], text: str) -> str:
    return "".join(" " if part.startswith(("/*", "//")) else part for part in token.findall(text))
