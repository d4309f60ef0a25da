"""A program as C99 for microcontrollers, and that C as an executor (docs/c.md)."""
