"""What others reach on devices, each with where it is told; nothing of it was run here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CORES", "FPGAS", "CoreRecord", "FpgaRecord"]


@dataclass(frozen=True)
class FpgaRecord:
    """A classifier on an FPGA. Data, networks and steps differ from ours: compare with care."""

    name: str
    part: str
    task: str
    per_second: float
    luts: int | None  # LUTs or logic cells; None: not told
    source: str

    @property
    def per_lut(self) -> float | None:
        """Images a second for each LUT."""
        return None if self.luts is None else self.per_second / self.luts


@dataclass(frozen=True)
class CoreRecord:
    """What is known of spiking networks, or of sums of small integers, on a microcontroller."""

    name: str
    core: str
    figure: str
    source: str


FPGAS = (
    FpgaRecord("Spiker+", "Xilinx", "MNIST", 1e3 / 0.78, 7_612, "abstract of Spiker+"),
    FpgaRecord("snn-fpga", "Artix-7, 100 MHz", "MNIST", 1e3 / 0.52, 6_358, "arXiv 2507.07284"),
    FpgaRecord("Flexi-NeurA", "Xilinx", "MNIST, 256-128-10", 1e3 / 1.1, 1_623, "arXiv 2602.18140"),
    FpgaRecord("Windhager et al., LIF", "UltraScale+", "MNIST", 1e3 / 0.29, None, "arXiv 2505.11252"),
    FpgaRecord("Spiker, 2022", "Artix-7", "MNIST, one layer of 400", 1e3 / 0.215, None, "arXiv 2201.06993"),
    FpgaRecord("Skydiver", "XC7Z045", "MNIST, convolutional", 22_600, None, "arXiv 2203.07516"),
)

CORES = (
    CoreRecord(
        "a loop by hand, 16 sums of 16 bits in registers",
        "Cortex-M4",
        "0.94 instructions an event, without its list and its stores",
        "15 instructions for 16 sums, counted in an emulator",
    ),
    CoreRecord(
        "Boretti et al. 2023, recurrent",
        "Cortex-M4, 180 MHz",
        "at worst 27,072 cycles a step, N-MNIST made smaller",
        "ISCAS 2023",
    ),
    CoreRecord(
        "CMSIS-NN, not spiking",
        "Cortex-M",
        "two products of 16 bits in one instruction (SMLAD), 4.6 times a plain loop",
        "arXiv 1801.06601",
    ),
)
