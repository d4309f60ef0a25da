"""docs/large_networks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["page"]

_TEXT = """\
# Large networks

Networks of 100 million weights are lowered, exported and verified like small ones:

    expifref quantize big.safetensors --dataset big.npz --calibration-samples {calibration} --out big.json
    expifref export big.json --to onnx --out big.onnx
    expifref verify big.json --dataset big.npz --executor big.onnx --reference native

- **Two files.** Weights of more than 2^20 bytes lie in a file beside the one that names them: a safetensors
  file beside a program or a deployment file (specification, section 7), external data beside an ONNX model
  ([ONNX](onnx.md)). Move the two together. Its name holds a hash of the content; those of an earlier program
  of the same name stay until somebody deletes them.
- **Time.** Calibration and the guard run the float network: `--calibration-samples` says on how many
  samples. The error budget is left out beyond 4 Mi weights.
- **Memory.** Float weights are mapped and go through in blocks of 16 MB. Integer weights are held once, in
  the narrowest type (4-bit weights take a byte), and mapped where they come from a file. Traces are made for
  as many samples at once as 32 MB hold.
- **Not for** SystemVerilog, C and the boards, which hold all weights as text: a program this large does not
  fit the profiles of such devices.

## Measured

Written by `make large` on {date}: {cpu}, {cores} cores, load {load:.1f} at the end. A random network of
{sizes}, {weights:,} weights, {steps} steps; float64 model file of {model_mb:,.0f} MB. Reading that file and
writing the weights takes {disk_s:.1f} s on this disk, {cold_s:.1f} s where the file is not in the page
cache. Peak memory is the largest resident set of the process (`ru_maxrss`), mapped pages included; the bound
is three times the packed weights and 500 MB.

{tables}

Lowering of one sample takes {lower_ratio:.1f} times as long as the disk; exports are near the disk's speed.
Verification runs {steps} steps of {verified} samples and the probes, which read every weight alone, enter
every table segment and start from random states: {values:,} values for each executor, which bound it. All
numbers: [large_network.json](large_network.json).
"""


def page(found: Mapping[str, Any]) -> str:
    """The text for what `large_network.py` found."""
    first = found["programs"][0]
    lowering, *_ = first["commands"]
    values = max(row.get("values", 0) for row in first["commands"])
    return _TEXT.format(
        **{key: found[key] for key in ("date", "cpu", "cores", "load", "weights", "steps", "model_mb")},
        **{key: found[key] for key in ("disk_s", "cold_s", "calibration", "verified")},
        sizes="-".join(map(str, found["sizes"])),
        lower_ratio=lowering["wall_s"] / found["cold_s"],
        values=values,
        tables="\n\n".join("\n".join(_table(program)) for program in found["programs"]),
    )


def _table(program: Mapping[str, Any]) -> Iterator[str]:
    bits, bound = program["weight_bits"], program["bound_mb"]
    json_mb = program["json_bytes"] / 1e6
    yield f"{bits}-bit weights, bound {bound:.0f} MB; `program.json` has {json_mb:.1f} MB:"
    yield ""
    yield "| command | wall s | CPU s | peak MB | of the bound | differing bits |"
    yield "|---|---|---|---|---|---|"
    for row in program["commands"]:
        share = f"{row['peak_mb'] / bound:.0%}"
        share = share if row["peak_mb"] <= bound else f"**{share}**"
        bits_differ = row.get("differing_bits", "")
        yield (
            f"| {row['command']} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['peak_mb']:.0f} | {share} "
            f"| {bits_differ} |"
        )
