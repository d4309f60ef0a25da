"""A program as integer ONNX models, a float network as one, and their executors (docs/onnx.md)."""
