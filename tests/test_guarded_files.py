"""Files of others are opened by `expifref.files.opening` and what is built on it, and nowhere else.

Looked for in the code itself: whoever adds a loader that opens a file on its own is sent there.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("expifref", "hw_profiles", "quantize", "exporters", "cli")

READERS = {
    *(
        "open",
        "read_bytes",
        "read_text",
        "np.load",
        "json.load",
        "json.loads",
        "onnx.load",
        "onnx.load_model",
    ),
    *("fromfile", "genfromtxt", "loadtxt", "memmap", "open_memmap", "safe_open", "load_file", "ZipFile"),
    *(
        "load_model_from_string",
        "GzipFile",
        "decompress",
        "urlopen",
        "h5py.File",
        "yaml.load",
        "pickle.loads",
    ),
}

ALLOWED: dict[str, set[str]] = {
    # The guarded way, and the formats that are built on it: each opens what `open_file` has checked.
    "expifref/files/opening.py": {"open"},
    "expifref/files/strict_json.py": {"json.loads"},
    "expifref/files/arrays.py": {"ZipFile", "open", "open_memmap"},
    "expifref/files/tensors.py": {"safe_open"},
    "expifref/connections/blocks.py": {"open"},
    "expifref/data/archives.py": {"ZipFile", "open"},  # MD5 known, opened by `open_file`, unpacked to a bound
    "expifref/data/fashion_mnist.py": {"open", "urlopen"},  # SHA-256 known, unpacked to a bound
    "expifref/data/shd.py": {"h5py.File"},  # opened by `open_file`; the library is trusted, see SECURITY.md
    "expifref/exchange/hdf5.py": {"h5py.File"},  # the same
    "exporters/onnx/executor.py": {"load_model_from_string"},
    "cli/inputs.py": {"open"},  # parts of a file that `map_npy` has checked
    "cli/agreement.py": {"open"},  # for its digest
    "cli/ranks/tokens.py": {"open"},  # a private file of the user
    "cli/ranks/entry.py": {"open"},  # of /dev/null
    # What this process writes itself.
    "expifref/files/claims.py": {"open"},
    "expifref/files/writing.py": {"open"},
    "expifref/files/scratch.py": {"open"},
    "expifref/training/train.py": {"json.loads"},
    "quantize/run/stored.py": {"ZipFile", "np.load", "open", "open_memmap"},
    "quantize/search/storage.py": {"open"},
    "exporters/onnx/beside.py": {"open"},
    "exporters/systemverilog/simulator.py": {"read_text"},
    "exporters/fpga/implementation.py": {"json.loads", "read_text"},
    "exporters/c/executor.py": {"read_bytes"},
    "exporters/web/folder.py": {"read_text"},
    "exporters/lava/executor.py": {"np.load"},
    "exporters/c/freestanding.py": {"read_bytes", "read_text"},
    # What comes with the package, and what the system says.
    "expifref/data/digits.py": {"np.load", "open"},
    "expifref/__main__.py": {"read_bytes", "read_text"},
    "cli/report/page.py": {"read_text"},
    "exporters/c/network.py": {"read_text"},
    "exporters/c/firmware.py": {"read_text"},
    "exporters/lava/folder.py": {"read_text"},
    "exporters/lava/processes.py": {"read_text"},
    # Nothing of expifref: it is copied to those who have Lava, and opens what they name there.
    "exporters/lava/runtime/layers.py": {"json.loads", "read_text"},
    "exporters/lava/runtime/run.py": {"np.load"},
    "exporters/native/library.py": {"read_text"},
    "quantize/search/workers.py": {"read_text"},
}


def calls(path: Path) -> set[str]:
    """Names of `READERS` that are called in a file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            # By the last part of the name, and by the last two.
            parts = ast.unparse(node.func).split(".")
            found |= {parts[-1], ".".join(parts[-2:])}
    return found & READERS


def test_no_loader_opens_files_on_its_own() -> None:
    found = {
        str(path.relative_to(ROOT)): calls(path)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    assert {name: used for name, used in found.items() if used} == ALLOWED


def test_nothing_is_unpickled() -> None:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            assert "import pickle" not in text, path
            assert "allow_pickle=True" not in text, path
