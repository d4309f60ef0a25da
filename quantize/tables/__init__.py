"""Which tables a neuron needs, and how small they can be."""
