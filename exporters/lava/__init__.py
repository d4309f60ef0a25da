"""A program as processes of Lava, Intel's framework for Loihi, and the program in Lava's simulator."""
