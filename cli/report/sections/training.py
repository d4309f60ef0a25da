"""Loss and accuracy of every epoch."""

from __future__ import annotations

from typing import Any

from cli.report.parts import Facts, Part, Picture, Table
from cli.report.plots import FLOAT, INTEGER, plot

__all__ = ["training"]


def training(facts: Facts) -> list[Part]:
    """Curves, and the numbers behind them."""
    told = facts["training"]
    epochs, measure = told["epochs"], told["measure"]
    first, last = epochs[0], epochs[-1]
    words = (
        f"{len(epochs)} epochs, then {told['stopped']}. "
        f"The loss goes from {first['loss']:.4g} to {last['loss']:.4g}, "
        f"the {measure} on the training samples from {first['accuracy']:.4g} to {last['accuracy']:.4g}."
    )
    headers = ("epoch", "loss", f"{measure}, trained on", f"{measure}, held out", "firing rate (Hz)")
    rows = [
        (
            one["epoch"],
            f"{one['loss']:.4f}",
            f"{one['accuracy']:.4f}",
            "" if one["held_out"] is None else f"{one['held_out']:.4f}",
            f"{one['firing_rate_hz']:.1f}",
        )
        for one in epochs
    ]
    return [
        Picture("loss", "Loss", _drawn(epochs, "loss", {"loss": ("loss", INTEGER)}), words),
        Picture(
            "accuracy",
            f"The {measure}",
            _drawn(epochs, measure, {"accuracy": ("trained on", FLOAT), "held_out": ("held out", INTEGER)}),
            f"The {measure} of every epoch, "
            f"on the samples that were trained on and, where some are, on held-out ones.",
        ),
        Table("Epochs", headers, rows),
    ]


def _drawn(epochs: list[dict[str, Any]], title: str, curves: dict[str, tuple[str, str]]) -> Any:
    drawn = plot("epoch", title, 240)
    for key, (label, color) in curves.items():
        seen = [(one["epoch"], one[key]) for one in epochs if one[key] is not None]
        if seen:
            x, y = zip(*seen, strict=True)
            drawn.line(x, y, color=color, line_width=2, legend_label=label)
            drawn.scatter(x, y, color=color, size=6, legend_label=label)
    return drawn
