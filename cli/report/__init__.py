"""A report to look at: one HTML file with everything in it, whose numbers are those of a command's JSON."""
