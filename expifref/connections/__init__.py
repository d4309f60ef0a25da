"""What lies between sources and units: dense matrices and kernels, and their products."""
