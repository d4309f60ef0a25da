"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747): 60,000 + 10,000 images of 28x28."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import urllib.request
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.limits import DATASET
from expifref.files.opening import read_file

from .dataset import Dataset
from .samples import Samples

__all__ = ["load_fashion_mnist", "load_fashion_mnist_rows"]

_URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
_TIMEOUT_S = 60

# Of the content, not of the .gz: Debian's files are packed without the original gzip header.
_CONTENT_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_SIDE = 28  # pixels
_IMAGE_HEADER, _LABEL_HEADER = 16, 8  # bytes before the data in the idx format
_LONGEST = _IMAGE_HEADER + 60_000 * _SIDE**2  # bytes of the largest file, unpacked


def load_fashion_mnist(data_dir: Path | None = None) -> Dataset:
    """Read Fashion-MNIST from `data_dir`, the Debian package, the cache, or the network, in this order.

    Raises:
        DataError: no folder holds the files and they cannot be downloaded, or a file is not the original.
    """
    train, test = (
        Samples(
            _images(_content(f"{part}-images-idx3-ubyte", data_dir)),
            _labels(_content(f"{part}-labels-idx1-ubyte", data_dir)),
        )
        for part in ("train", "t10k")
    )
    return Dataset("fashion-mnist", train, test, classes=10, image=(_SIDE, _SIDE, 1))


def load_fashion_mnist_rows(data_dir: Path | None = None) -> Dataset:
    """The same images, row by row from the top: 28 steps of 28 inputs; errors as `load_fashion_mnist`."""
    whole = load_fashion_mnist(data_dir)
    train, test = (
        replace(part, values=part.values.reshape(-1, _SIDE, _SIDE)) for part in (whole.train, whole.test)
    )
    return Dataset("fashion-mnist-rows", train, test, whole.classes)


def _content(name: str, data_dir: Path | None) -> bytes:
    folders = [_debian_dir(), _cache_dir()] if data_dir is None else [data_dir, _debian_dir(), _cache_dir()]
    for folder in folders:
        path = folder / f"{name}.gz"
        if path.is_file():
            return _unpack(name, read_file(path, DATASET), str(path))
    return _download(name)


def _debian_dir() -> Path:
    return Path("/usr/share/datasets/fashion-mnist")


def _cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "expifref" / "fashion-mnist"


def _unpack(name: str, packed: bytes, origin: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            content = file.read(_LONGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{origin} must be a complete gzip file; it is damaged, so remove it and try again"
        ) from error
    if hashlib.sha256(content).hexdigest() != _CONTENT_SHA256[name]:
        raise DataError(f"{origin} must be Fashion-MNIST's own {name}; its SHA-256 differs, so replace it")
    return content


def _download(name: str) -> bytes:
    url = f"{_URL}{name}.gz"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            packed: bytes = response.read(_LONGEST)
    except OSError as error:
        raise DataError(
            f"Fashion-MNIST is not on this machine and cannot be downloaded ({error}); install the Debian "
            "package dataset-fashion-mnist, or name the folder of its four .gz files with --data-dir"
        ) from error
    content = _unpack(name, packed, url)
    # A cache that cannot be written costs only the next download.
    with contextlib.suppress(OSError):
        _store(_cache_dir() / f"{name}.gz", packed)
    return content


def _store(path: Path, packed: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(packed)
    partial.replace(path)


def _images(content: bytes) -> NDArray[np.float32]:
    pixels = np.frombuffer(content, np.uint8, offset=_IMAGE_HEADER)
    return pixels.reshape(-1, _SIDE**2).astype(np.float32) / np.float32(255)


def _labels(content: bytes) -> NDArray[np.int64]:
    return np.frombuffer(content, np.uint8, offset=_LABEL_HEADER).astype(np.int64)
