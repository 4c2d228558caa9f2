"""The edge model for understanding: a small encoder in ONNX Runtime."""
