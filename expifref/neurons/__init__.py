"""Neurons and filters as brainstate modules, and their steps."""
