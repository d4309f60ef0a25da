"""The integer program in JAX: an executor and quantization-aware training on one implementation of the step.

Importing this package imports JAX; nothing imports it at module level.
"""

from .executor import JaxExecutor

__all__ = ["JaxExecutor"]
