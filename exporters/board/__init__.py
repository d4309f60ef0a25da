"""A program on a board at a serial line: what both ends say, and the executor (docs/board.md)."""
