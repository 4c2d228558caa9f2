"""A local GGUF model."""
