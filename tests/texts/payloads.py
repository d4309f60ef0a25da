"""Texts that would leave their place in one of the languages that texts end in.

MARKER stands for a file that the text's code would make.
"""

from __future__ import annotations

__all__ = ["EXECUTED_C", "EXECUTED_SV", "LINES", "PAYLOADS", "every_payload", "is_utf8"]

_C = (
    "extern int system(const char *); "
    "__attribute__((constructor)) static void leave(void) { (void)!system(\"touch 'MARKER'\"); } "
)
_SV = "module leave; initial $system(\"touch 'MARKER'\"); endmodule bind network leave leave_1();"
_PACKAGE = 'package leave; int done = $fopen("MARKER", "w"); endpackage'

EXECUTED_C = {
    "end": f"x */ {_C} /* y",
    "splices": f"x *\\\n/ {_C} /\\\n* y",
    "splices with spaces": f"x *\\ \n/ {_C} /\\ \n* y",
    "splices of another system": f"x *\\\r\n/ {_C} /\\\r\n* y",
    "trigraphs": f"x *??/\n/ {_C} /??/\n* y",
}
"""Comments that are left so that the code runs in GCC."""

EXECUTED_SV = {"verilator": f"x\n{_SV}\n// y", "iverilog": f"x\n{_PACKAGE}\n// y"}
"""Comments that are left so that the code runs in this simulator."""

PAYLOADS: dict[str, tuple[str, ...]] = {
    "C": (
        *EXECUTED_C.values(),
        f"x\n{_C}",
        f"x\r{_C}",
        f"x\v{_C}",
        f'"; {_C} const char *y = "',
        'x\\" y',
        "x\\",
        "x\n#include </etc/passwd>",
        "x\n%:include </etc/passwd>",
        f"x\N{LINE SEPARATOR}*/ {_C}",
        f"x\N{RIGHT-TO-LEFT OVERRIDE}*/ {_C} /*",
        f"x\0*/ {_C} /*",
    ),
    "SystemVerilog": (
        *EXECUTED_SV.values(),
        f"x\r{_SV}",
        f"x\r\n{_SV}",
        f"x\v{_SV}",
        f"x\f{_SV}",
        f"x\N{NEXT LINE}{_SV}",
        f"x\N{LINE SEPARATOR}{_SV}",
        "x\\\n",
        '"); initial $system("touch MARKER"); //',
        '`include "/etc/passwd"',
        "`define network \\\n",
        "\n// verilator lint_off\n",
        "/*verilator public*/",
        f"x\0\n{_SV}",
    ),
    "Makefile": (
        "$(shell touch MARKER)",
        "${shell touch MARKER}",
        "$$(touch MARKER)",
        "x\n\ttouch MARKER",
        "x\ninclude /etc/passwd",
        "x\n%:\n\ttouch MARKER",
        "x \\\n\ttouch MARKER",
        "x # y",
        "$(eval x:;touch MARKER)",
        "x\n-include y",
        "x; touch MARKER\n",
        "$(file >MARKER)",
    ),
    "constraints": (
        'x\nLOCATE COMP "clk_25mhz" SITE "A1";',
        'x"; LOCATE COMP "y" SITE "A1"; #',
        "x\nset_io CLK 1",
        "x # y",
        "[exec touch MARKER]",
        "$env(HOME)",
        "{x} [file delete y]",
        "x\\\n",
        "x\n[exec touch MARKER]",
        'x\n"',
        "x\r\nset_io CLK 1",
        "x\tset_io $y",
    ),
    "shell": (
        "$(touch MARKER)",
        "x\ntouch MARKER",
        "x && touch MARKER",
        "x | tee MARKER",
        "x > MARKER",
        "x < /etc/passwd",
        "${HOME}",
        "x # y",
        "x \\; y",
        "x & touch MARKER",
        "~\\",
        'x" "y',
    ),
    "Markdown": (
        "[x](javascript:alert(1))",
        "![x](http://127.0.0.1/x.png)",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "x | y | z |",
        "x\n# y",
        "x\n\ny",
        "x\n```\ny",
        "<!-- x",
        "&lt;x&gt;",
        "<http://127.0.0.1>",
        "x\n---\ny",
        "[x]: http://127.0.0.1",
        "x\\| y",
    ),
    "terminal": (
        "\x1b[31mx",
        "\x1b[2J",
        "\x1b]0;x\x07",
        "\x1b]8;;file:///etc/passwd\x1b\\x\x1b]8;;\x1b\\",
        "\x9b31mx",
        "x\ry",
        "x\b\by",
        "\x07",
        "\x7f",
        "x\ty",
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
        "\N{LEFT-TO-RIGHT ISOLATE}x",
        "x\N{ZERO WIDTH SPACE}y",
        "\N{ZERO WIDTH NO-BREAK SPACE}x",
    ),
    "rich": (
        "[bold]x[/bold]",
        "[red]x",
        "[/]",
        "[/red]",
        "[link=file:///etc/passwd]x[/link]",
        "[blink reverse]x",
        "\\[x]",
        "[@click=x]y",
        "x [on red] y",
        "[[x]]",
        "[not bold]x",
        "x[/bold]:boom:",
    ),
    "figure": (
        "$\\frac{1}{0}$",
        "$x^2$",
        "$x",
        "$$",
        "\\$x$",
        "$\\unknown{x}$",
        "$\\sqrt{x$",
        "$_$",
        "x\ny",
        "$\\mathrm{x}$",
        "$\\overline{x}\\!$",
        "x $ y $ z",
    ),
    "JSON": (
        '"',
        '", "layers": [], "x": "',
        "\\u0022",
        "\\",
        "\0",
        "\ud800",
        "\udc00x",
        "\N{LINE SEPARATOR}",
        "{}",
        "[]",
        "</script>",
        "x " * 501,
        "\N{SNOWMAN}",
    ),
}
"""Language -> texts that none of the rules for texts allows."""

LINES = (
    "`touch MARKER`",
    "'; touch MARKER; '",
    "%n%n%s",
    "verilator lint_off",
    "synopsys translate_off",
    "x // y",
    "x ** / y",
    "https://127.0.0.1/x",
    "*x* _y_ `z`",
    ":boom:",
    "-- x",
    "!x",
)
"""Lines that files may hold although they mean something somewhere."""


def every_payload(marker: str = "MARKER") -> list[str]:
    """All of `PAYLOADS`, with `marker` as the name of the file."""
    return [text.replace("MARKER", marker) for texts in PAYLOADS.values() for text in texts]


def is_utf8(text: str) -> bool:
    """Whether `text` is Unicode: no half of a surrogate pair."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False
