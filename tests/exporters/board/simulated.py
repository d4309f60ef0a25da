"""Boards that are none: the serial design in Verilator, the firmware in QEMU, and whatever a test answers."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from exporters.c.firmware import firmware_files
from exporters.running import lay_out, run_tool
from exporters.systemverilog.boards import serial_design
from exporters.systemverilog.serial import SERIAL
from exporters.systemverilog.weights import FeedKey, Weights
from quantize.program.label import label_of
from quantize.program.program import Program

__all__ = ["CLOCKS_PER_BIT", "firmware", "fpga", "someone"]

CLOCKS_PER_BIT = 4
"""Few, so that a byte takes a simulator little time."""

_BRIDGE = Path(__file__).with_name("bridge.cpp")


@contextmanager
def fpga(program: Program, folder: Path, weights: Mapping[FeedKey, Weights] | None = None) -> Iterator[str]:
    """The port of a simulated board with the serial design of `program`, built in `folder`."""
    files = serial_design(program.graph, label_of(program), weights or {})
    lay_out(folder, files)
    sources = sorted(name for name in files if name.endswith(".sv"))
    arguments = ["--cc", "--exe", "--build", "--top-module", SERIAL, f"-GCLOCKS_PER_BIT={CLOCKS_PER_BIT}"]
    arguments += ["-O3", "-Wno-fatal", "-Wno-lint", "-CFLAGS", f"-O0 -DCLOCKS_PER_BIT={CLOCKS_PER_BIT}"]
    run_tool("verilator", [*arguments, "--Mdir", "build", "-o", "board", *sources, _BRIDGE], folder)
    with running([str(folder / "build" / "board")], folder) as line:
        yield line.strip()


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[str]:
    """The first line that a process prints, which is ended afterwards."""
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # make and what it started


@contextmanager
def someone(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A port behind which `answer` turns what comes, as it comes, into what is sent."""
    master, other = os.openpty()
    tty.setraw(other)
    over = threading.Event()

    def serve() -> None:
        os.set_blocking(master, False)
        while not over.wait(0.002):
            try:
                got = os.read(master, 4096)
            except BlockingIOError:
                got = b""
            if reply := answer(got):
                os.write(master, reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(other)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(other)


@contextmanager
def firmware(program: Program, board: str, folder: Path) -> Iterator[str]:
    """The port of an emulated microcontroller that runs the firmware of `program`, built in `folder`."""
    lay_out(folder, firmware_files(program.graph, label_of(program)))
    run_tool("make", ["--silent", board], folder)
    with running(["make", "--silent", f"run-{board}"], folder) as line:
        yield line.removeprefix("char device redirected to ").partition(" ")[0]
