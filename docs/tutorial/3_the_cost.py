# %% [markdown]
# # 3. What the integers cost
#
# Bit-exact says that every form of the program does the same, not that it does what the float network did.
# That is measured here, on test digits that nothing was chosen by.

# %%
from pathlib import Path

import expifref
import hw_profiles
import quantize

work = Path("out/tutorial")
network = expifref.read_description(work / "model.safetensors")
program = quantize.load_program(work / "program.json")
data = expifref.load_dataset("digits")
tests = expifref.encode("rate", data.test.values, steps=network.steps, seed=1)

# %%
found = quantize.compare(network, program, [(tests, data.test.labels)])
print(f"right, float:       {found.float_score.quality:.1%}")
print(f"right, integers:    {found.integer_score.quality:.1%}")
print(f"same answer:        {found.agreement:.1%}")
print(f"spikes that differ: {found.spike_difference:.1%}")
print(f"saturations:        {found.saturations or 'none'}")

# %% [markdown]
# Accuracy alone proves little: a network can keep its answers and lose its spikes. So the layers are
# compared too, and the first spike is named that only one of the two sends.

# %%
for layer in found.layers:
    print(f"{layer.name}: root mean square error {layer.rmse:.3g}{' mV' if layer.spikes else ''}")
first = found.first
print(f"first to part: neuron {first.neuron} of {first.layer} in step {first.step} of sample {first.sample}:")
print(f"float at {first.float_membrane:.2f} mV, integers at {first.integer_membrane:.2f} mV;", end=" ")
print(f"most of it by the rounding of the {first.attribution.largest}")

# %% [markdown]
# ## Fewer bits
#
# The same network with narrower weights. Where the loss is too large, [training through the
# integers](../training.md) wins it back, and [a search](../search.md) finds the smallest words that keep
# what is asked.

# %%
samples = expifref.encode("rate", data.train.values[:256], steps=network.steps, seed=0)
calibration = quantize.calibrate(network, [samples])
profile = hw_profiles.load_profile("cortex-m4")
for bits in (8, 6, 4, 3, 2):
    narrow = quantize.lower(network, calibration, profile, quantize.LoweringOptions(weight_bits=bits))
    result = quantize.compare(network, narrow, [(tests, data.test.labels)])
    right, differing = result.integer_score.quality, result.spike_difference
    print(f"{bits} bits: {right:.1%} right, {differing:.1%} of spikes differ")

# %% [markdown]
# On the command line: `expifref compare out/tutorial/model.safetensors out/tutorial/program.json --dataset
# digits`, with an error budget that says which of the roundings costs how much. What each measure means is
# told in [fidelity](../fidelity.md).
