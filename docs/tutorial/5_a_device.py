# %% [markdown]
# # 5. Onto a device
#
# What is left is to choose a device, to see what the program takes there, and to write the folder that its
# tools build from.

# %%
from pathlib import Path

import expifref
import exporters
import hw_profiles
import quantize

work = Path("out/tutorial")
network = expifref.read_description(work / "model.safetensors")
program = quantize.load_program(work / "program.json")

# %% [markdown]
# ## Which devices take it
#
# A device is asked with its own arithmetic: a profile that has fewer bits, other rounding or no exponential
# says so. Each number of a profile has a source, and `expifref profiles show NAME` prints it.

# %%
for name in hw_profiles.profile_names():
    profile = hw_profiles.load_profile(name)
    print(f"{name:<14} {hw_profiles.refusal(profile) or 'runs it'}")

# %% [markdown]
# ## A microcontroller
#
# The program was lowered for a Cortex-M4. `c` is C99 without a library, without `malloc`; on cores that
# have them it uses the DSP instructions. Nothing in it is generated at run time: call `expifref_step` once
# a step.

# %%
exporters.export_program(program, "c", work / "firmware")
for file in sorted((work / "firmware").iterdir()):
    print(f"{file.stat().st_size:>9,}  {file.name}")

# %% [markdown]
# ## An FPGA board
#
# Another device, another program of the same network: the words are those of an ECP5's multipliers and
# memories. `ulx3s` writes the network in SystemVerilog, a serial line around it, the top module of that
# board and its pins.

# %%
data = expifref.load_dataset("digits")
samples = expifref.encode("rate", data.train.values[:256], steps=network.steps, seed=0)
calibration = quantize.calibrate(network, [samples])
fpga = quantize.lower(network, calibration, hw_profiles.load_profile("ecp5-25f"))
quantize.save_program(fpga, work / "fpga.json")
exporters.export_program(fpga, "ulx3s", work / "ulx3s")
for file in sorted((work / "ulx3s").iterdir()):
    print(f"{file.stat().st_size:>9,}  {file.name}")

# %% [markdown]
# The three commands that make a bitstream of that folder are in [boards](../systemverilog.md#boards);
# `expifref measure out/tutorial/fpga.json --on ecp5-25f --dataset digits` says before how many clocks,
# cells and megahertz it will be.
#
# ## On the command line
#
#     expifref profiles fit out/tutorial/program.json
#     expifref export out/tutorial/program.json --to c --out out/tutorial/firmware
#     expifref quantize out/tutorial/model.safetensors --profile ecp5-25f --out out/tutorial/fpga.json
#     expifref export out/tutorial/fpga.json --to ulx3s --out out/tutorial/ulx3s
#
# From here: [more lanes](../systemverilog.md) for more images a second, [training through the
# integers](../training.md) for fewer bits, and how-to pages for what may have gone wrong on the way.
