"""What was found, in a few numbers."""

from __future__ import annotations

from collections.abc import Iterator

from cli.report.parts import Facts, Part, Sentence, Table

__all__ = ["overview"]

_SHARES = {
    "float_accuracy": "accuracy, float network",
    "program_accuracy": "accuracy, integer program",
    "prediction_agreement": "predictions that agree",
    "spike_difference": "spikes that differ, of the float network's",
}
_PLAIN = {
    "dataset": "data set",
    "profile": "profile",
    "samples": "samples compared",
    "reference": "what executors must equal",
    "study": "study",
    "program": "program",
}


def overview(facts: Facts) -> list[Part]:
    """Shares, errors, saturations and differing bits."""
    parts: list[Part] = [Table("In numbers", ("what", "value"), list(_rows(facts)))]
    parts += [Sentence(f"Warning: {warning}.") for warning in facts.get("warnings", ())]
    return parts


def _rows(facts: Facts) -> Iterator[tuple[str, object]]:
    for key, name in _PLAIN.items():
        if isinstance(facts.get(key), str | int):
            yield name, facts[key]
    for key, value in facts.get("question", {}).items():
        yield key.replace("_", " "), value
    for key, name in _SHARES.items():
        if facts.get(key) is not None:
            yield name, f"{facts[key]:.2%}"
    for key, value in facts.items():
        if key.endswith(("_rmse", "_nrmse", "_r2")):
            yield key.replace("_", " "), f"{value:.4g}"
    if "saturations" in facts:
        yield "saturations", sum(facts["saturations"].values())
    if facts.get("executors"):
        yield (
            "differing bits, all executors",
            sum(one["differing_bits"] for one in facts["executors"].values()),
        )
    if "passed" in facts:
        yield "bit-exact", "yes" if facts["passed"] else "no"
    for stage, seconds in facts.get("seconds", {}).items():
        yield f"seconds to {stage}", f"{seconds:.1f}"
