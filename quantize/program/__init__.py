"""A graph and where it came from: its file, its digest, its golden trace."""
