"""Formats, rounding, intervals, and arrays as they lie in files."""
