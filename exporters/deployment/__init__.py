"""The deployment file of a program, made from it and read back as one (docs/deployment.md)."""
