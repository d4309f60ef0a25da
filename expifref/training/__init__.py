"""Surrogate-gradient training of the float network."""
