"""What fits which device, and what a step or a sample would take there, as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hw_profiles import Profile
    from quantize.program.program import Program
    from quantize.run.trace import Spikes

__all__ = ["device_facts"]

_ACTIVITY = 0.1


def device_facts(program: Program, spikes: Spikes | None = None) -> dict[str, Any]:
    """The answer of every profile, as `expifref profiles fit`, and for an FPGA its fastest design in outline.

    Args:
        spikes: typical inputs, `[steps, samples, inputs]`.
    """
    from hw_profiles import load_profile, profile_names
    from quantize.device.fit import fit

    found: dict[str, Any] = {}
    for name in profile_names():
        profile = load_profile(name)
        answer = fit(program.graph, profile, _ACTIVITY)
        found[name] = {**asdict(answer), "limits": list(answer.limits), "fits": answer.fits}
        found[name]["design"] = _design(program, profile, spikes) if answer.fits else None
        del found[name]["profile"]
    return {"activity": _ACTIVITY, "profiles": found}


def _design(program: Program, profile: Profile, spikes: Spikes | None) -> dict[str, Any] | None:
    """The fastest design of an FPGA by formula; None for other devices, or where none can be outlined."""
    from expifref.exceptions import ExpifrefError
    from exporters.fpga import PARTS, Wish
    from exporters.fpga.wishes import choose, traffic_of, usual_traffic
    from exporters.systemverilog.target import Case

    if profile.name not in PARTS:
        return None
    traffic = usual_traffic(program) if spikes is None else traffic_of(program, spikes)
    try:
        speed = choose(program, profile.document, Wish(), traffic)
        estimate = Case(program.graph, profile.document, traffic.samples).estimate(speed)
    except ExpifrefError:
        return None
    mhz = PARTS[profile.name].clock_mhz
    return {
        "lanes": list(speed.lanes),
        "pipelines": list(speed.pipelines),
        "held_input": speed.hold,
        "clocks_per_sample": estimate.clocks,
        "multipliers": estimate.multipliers,
        "memory_blocks": estimate.blocks,
        "mhz": mhz,
        "samples_per_second": None if mhz is None else round(mhz * 1e6 / estimate.clocks),
    }
