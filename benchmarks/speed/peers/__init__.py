"""Other simulators on the same workloads; each module runs in the environment of its own library."""
