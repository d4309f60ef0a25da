"""`expifref profiles`: what devices can do."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json
from .output import print_json, print_line, print_table, print_text

app = typer.Typer(help="List, show and check hardware profiles.", rich_markup_mode=None)


@app.command("list")
def list_profiles(json: Json = False) -> None:
    """List the built-in profiles with their verdict on ExpIFRef networks."""
    from hw_profiles import load_profile, profile_names, refusal

    found = [load_profile(name) for name in profile_names()]
    verdicts = {profile.name: refusal(profile) for profile in found}
    if json:
        print_json(
            {p.name: {"summary": p.summary, "refusal": verdicts[p.name], "sha256": p.digest} for p in found}
        )
        return
    rows = [[p.name, "refuses" if verdicts[p.name] else "runs", p.summary] for p in found]
    print_table("Hardware profiles", rows, ["name", "ExpIFRef", "summary"])


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A name, or a JSON file.")],
    json: Json = False,
) -> None:
    """Show a profile: its arithmetic, what fits, what else is known, and where each number is from."""
    from hw_profiles import load_profile

    profile = load_profile(name)
    if json:
        print_json(profile.document)
        return
    print_text(f"{profile.name}: {profile.summary}")
    for refused in profile.refusals:
        print_text(refused.sentence)
    document = profile.document
    arithmetic = document["arithmetic"] or {}
    if arithmetic:
        rows = [[key, _flat(value)] for key, value in arithmetic.items()]
        print_table("Arithmetic", rows)
    print_text(profile.arithmetic_note)
    limits = document["capacity"]
    rows = [[key, _limit(item), *_cited(item)] for key, item in limits.items()]
    print_table("Capacity", rows, ["limit", "value", "confidence", "source"])
    print_table(
        "Capabilities", _abilities(document["capabilities"]), ["ability", "kind", "confidence", "source"]
    )
    rows = [[fact["what"], _amount(fact), *_cited(fact)] for fact in document["facts"]]
    if rows:
        print_table("Facts", rows, ["what", "value", "confidence", "source"])
    print_table("Sources", [[key, text] for key, text in document["sources"].items()])


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A profile of your own (.json).")],
    json: Json = False,
) -> None:
    """Check a profile file against the schema and its own rules."""
    from hw_profiles import check_profile

    profile = check_profile(file)
    if json:
        print_json({"name": profile.name, "valid": True, "sha256": profile.digest})
        return
    print_line(f"{file} is a valid profile: {profile.name}, sha256 {profile.digest}")


@app.command("fit")
def fit(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    activity: Annotated[
        float, typer.Option("--activity", min=0, max=1, help="Share of inputs and neurons active per step.")
    ] = 0.1,
    json: Json = False,
) -> None:
    """Say for every profile whether a program fits, what limits it, and what a step would cost."""
    from dataclasses import asdict

    from hw_profiles import load_profile, profile_names
    from quantize.device.fit import fit as fit_program
    from quantize.program.file import load_program

    graph = load_program(program).graph
    found = [fit_program(graph, load_profile(name), activity) for name in profile_names()]
    if json:
        print_json(
            {"activity": activity, "profiles": {f.profile: asdict(f) | {"fits": f.fits} for f in found}}
        )
        return
    rows = [
        [
            item.profile,
            "fits" if item.fits else "no",
            _known(item.cores),
            _known(item.bytes),
            "unknown" if item.step_cost is None else f"{item.step_cost:,} {item.cost_unit}s",
            "unknown" if item.energy_nj is None else f"{item.energy_nj:,.1f} nJ",
        ]
        for item in found
    ]
    headers = ["profile", "verdict", "cores", "bytes", "per step", "energy"]
    print_table(f"{program.name}; estimates at {activity:.0%} activity", rows, headers)
    print_table("What stands against it", [[item.profile, limit] for item in found for limit in item.limits])
    sources = [[item.profile, item.energy_source] for item in found if item.energy_source]
    print_table("Energy: an estimate of synaptic events alone, from", sources)


def _abilities(abilities: dict[str, Any]) -> list[list[object]]:
    """One row for each ability: what it is, how sure that is, and where it is from."""
    exponential, refractory, resets = (abilities[key] for key in ("exponential", "refractory", "resets"))
    rows: list[list[object]] = [
        ["exponential", f"{exponential['kind']}: {exponential['note']}", *_cited(exponential)],
        ["resets", ", ".join(resets["kinds"]) or "unknown", *_cited(resets)],
    ]
    if refractory:
        steps = f"{refractory['min_steps']} to {refractory['max_steps']} steps"
        rows.insert(1, ["refractory period", steps, *_cited(refractory)])
    return rows


def _cited(item: dict[str, Any]) -> tuple[str, str]:
    return item["confidence"], item["source"] or ""


def _limit(item: dict[str, Any]) -> str:
    known_to_be_none = item["value"] is None and item["confidence"] != "unverified"
    return "no limit" if known_to_be_none else _known(item["value"])


def _amount(fact: dict[str, Any]) -> str:
    return "unknown" if fact["value"] is None else f"{fact['value']} {fact['unit']}"


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return value if isinstance(value, str) else json_module.dumps(value)


def _known(value: object) -> str:
    return "unknown" if value is None else str(value)
