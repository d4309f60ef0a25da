"""Networks: as data, as brainstate modules, as NumPy runs and as files."""
