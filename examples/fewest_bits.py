"""How many bits do the weights need? Digits, seconds of training, and accuracy against memory."""

from __future__ import annotations

import expifref
import hw_profiles
import quantize
from expifref.network.architecture import Architecture
from expifref.training.settings import TrainingSettings
from quantize.device.placement import place

TESTS = 200


def main() -> None:
    """Lower one network with weights of 8 to 2 bits for a Cortex-M4."""
    data = expifref.load_dataset("digits")
    architecture = Architecture(inputs=64, classes=10, hidden=(32,), steps=10)
    network = expifref.train(data, architecture, TrainingSettings(epochs=3)).description
    profile = hw_profiles.load_profile("cortex-m4")
    samples = expifref.encode(network.encoder, data.train.values[:256], steps=network.steps)
    calibration = quantize.calibrate(network, [samples])
    tests = expifref.encode(network.encoder, data.test.values[:TESTS], steps=network.steps, seed=1)
    labels = data.test.labels[:TESTS]
    for bits in (8, 6, 4, 3, 2):
        program = quantize.lower(network, calibration, profile, quantize.LoweringOptions(weight_bits=bits))
        found = quantize.compare(network, program, [(tests, labels)])
        taken = place(program.graph, profile).bytes
        print(f"{bits} bits: {taken:>6,} bytes, {found.integer_score.quality:.1%} right")
    print(f"float: {found.float_score.quality:.1%} right")


if __name__ == "__main__":
    main()
