"""The program as a graph: operations, layers, their proof and their emulator."""
