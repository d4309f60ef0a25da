# %% [markdown]
# # 2. Integers
#
# The model file that [chapter 1](1_your_network.py) left becomes a program: integers, and what is done with
# them.

# %%
from pathlib import Path

import expifref
import hw_profiles
import quantize

work = Path("out/tutorial")
network = expifref.read_description(work / "model.safetensors")
data = expifref.load_dataset("digits")

# %% [markdown]
# ## What the device can do
#
# A profile says how wide words are, how they are rounded, and what happens where they do not suffice; every
# number in it has its source. Here it is a Cortex-M4.

# %%
profile = hw_profiles.load_profile("cortex-m4")
print(profile.summary)
print(f"weights of {profile.arithmetic.weight_bits} bits, membranes of {profile.arithmetic.membrane_bits}")
print(len(hw_profiles.profile_names()), "profiles:", ", ".join(hw_profiles.profile_names()))

# %% [markdown]
# ## Ranges, and the program
#
# How far membranes and currents go is seen on training samples, and by it `lower` chooses where the points
# of the formats lie. That no sum can overflow is then proven by interval arithmetic; what cannot be proven
# is refused.

# %%
samples = expifref.encode("rate", data.train.values[:256], steps=network.steps, seed=0)
calibration = quantize.calibrate(network, [samples])
program = quantize.lower(network, calibration, profile)
quantize.save_program(program, work / "program.json")
print(f"{(work / 'program.json').stat().st_size:,} bytes, steps of {program.dt_seconds * 1e3:g} ms")

# %% [markdown]
# The program is a graph of layers, and a layer a list of integer operations, one value for each unit. It is
# all that an executor knows: there is no neuron in it, only what a neuron does. [The
# specification](../spec.md) is one page.

# %%
proof = quantize.prove_graph(program.graph)
for layer in program.graph.layers:
    print(f"{layer.name}: {layer.units} units, {len(layer.body)} operations")

# %% [markdown]
# Every value has an interval that it cannot leave, whatever the spikes are. Here are those of the first
# operations of the hidden layer: the sum of its weights, rescaled into the format of the current.

# %%
for name, proven in list(proof.layers[program.graph.layers[0].name].items())[:7]:
    low, high = proven.interval.lo, proven.interval.hi
    print(f"  {name:<12} {low:>12,} .. {high:<12,} {max(low.bit_length(), high.bit_length()) + 1} bits")

# %% [markdown]
# On the command line this chapter is
#
#     expifref quantize out/tutorial/model.safetensors --profile cortex-m4 --out out/tutorial/program.json
#
# which also says what each table costs, and warns of layers that fall silent.
