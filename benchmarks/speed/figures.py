"""How a figure is written."""

from __future__ import annotations

__all__ = ["count", "number"]


def number(value: float | None) -> str:
    """Of about three digits; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def count(value: float | None) -> str:
    """A whole number as it is, another as `number`."""
    return f"{value:,.0f}" if value is not None and value == int(value) else number(value)
