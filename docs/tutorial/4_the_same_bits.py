# %% [markdown]
# # 4. The same bits everywhere
#
# The program has many forms: ONNX, C, SystemVerilog, the deployment file of a device. Each can be run, and
# every signal of every step is compared with the emulator, the specification's arithmetic in NumPy. There
# is no tolerance.

# %%
from pathlib import Path

import expifref
import exporters
import hw_profiles
import quantize

work = Path("out/tutorial")
program = quantize.load_program(work / "program.json")
profile = hw_profiles.load_profile("cortex-m4")
data = expifref.load_dataset("digits")
few = expifref.encode("rate", data.test.values[:8], steps=program.steps, seed=1)

# %% [markdown]
# ONNX needs nothing but what is installed. What else can be run depends on the compilers and simulators
# that are there; `expifref doctor` names them, and the command that installs each.

# %%
exporters.export_program(program, "onnx", work / "network.onnx")
executors = exporters.make_executors(["jax", "onnxruntime", "deployment"], program, profile)
result = exporters.verify(program, executors, [few])
for name, one in result.executors.items():
    print(f"{name:<12} {one.values:>10,} values compared, {one.differing_bits} bits differ")
print("passed:", result.passed)

# %% [markdown]
# The random inputs and the probes that were compared as well, such as an input that is never 0, bring every
# state to its limits.
#
# ## A check that can fail
#
# An executor is anything that runs a program. This one is the emulator, but for the last bit of one
# membrane in the last step.


# %%
class Nearly:
    def __init__(self, program: quantize.Program) -> None:
        self.emulator = quantize.Emulator(program)

    def run(self, spikes, state=None, signals=None):
        execution = self.emulator.run(spikes, state, signals)
        execution.signals["layer0.membrane"][-1, 0, 7] ^= 1
        return execution


nearly = exporters.verify(program, {"nearly": Nearly(program)}, [few]).executors["nearly"]
print(nearly.first)

# %% [markdown]
# The first value that differs is named by its layer, unit, step and sample.
#
# On the command line: `expifref verify out/tutorial/program.json --dataset digits`, with every executor
# that is there, and the weights, tables and states of the files themselves.
