"""Programs compiled for this machine: the fast executor for sparse inputs."""
