"""A program as a folder that a browser opens (docs/web.md)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np

from quantize.graph.layers import Port
from quantize.program.label import Label, label_of
from quantize.program.program import Program

from .facts import facts
from .module import wasm_module
from .recordings import Recording, Shown
from .text import binary, comment, data

__all__ = ["PAGE_FILES", "network_script", "samples_script", "web_files"]

PAGE_FILES = (
    *("index.html", "style.css", "answer.js", "decision.js", "drawing.js", "encoders.js", "main.js"),
    *("network.js", "npy.js", "pad.js", "pictures.js", "player.js"),
)
"""What is the same for every program."""

_NAMESPACE = "globalThis.expifref ??= {};"


def web_files(program: Program, shown: Shown) -> Mapping[str, str]:
    """File name -> text: everything that `--to web` writes.

    Raises:
        MissingToolError, ToolError, ParameterError, RangeError, UnsupportedError: see
            `exporters.web.module.wasm_module`.
    """
    label = label_of(program)
    page = resources.files(__package__) / "page"
    return {
        "program.js": network_script(facts(program, shown), label, wasm_module(program.graph, label)),
        "samples.js": samples_script(shown, program.graph.input),
        **{name: (page / name).read_text(encoding="utf-8") for name in PAGE_FILES},
    }


def network_script(known: Mapping[str, Any], label: Label, module: bytes) -> str:
    """The program and its module. Scripts, unlike other files, can be read where there is no server."""
    return "\n".join(
        (
            comment(f"Program {label.digest}, for {label.device}, by expifref {label.tool_version}."),
            _NAMESPACE,
            f"expifref.program = {data(known)};",
            f"expifref.module = {binary(module)};\n",
        )
    )


def samples_script(shown: Shown, port: Port) -> str:
    """The inputs that a page has with it."""
    rows = ",\n".join(_row(one, port) for one in shown.recordings)
    return f"{_NAMESPACE}\nexpifref.samples = [\n{rows}\n];\n"


def _row(one: Recording, port: Port) -> str:
    """A recording, with the bits of spikes eight to a byte, the first the lowest, or a byte for each value.

    Where all steps are the same, the first stands for them.
    """
    held = bool((one.frames == one.frames[:1]).all())
    frames = np.ascontiguousarray(one.frames[:1] if held else one.frames, port.dtype)
    content = frames.tobytes() if port.graded else np.packbits(frames, bitorder="little").tobytes()
    told = {
        "name": one.name,
        "label": one.label,
        "steps": len(one.frames),
        "counted": one.counted,
        "held": held,
    }
    return f"{{...{data(told)}, frames: {binary(content)}}}"
