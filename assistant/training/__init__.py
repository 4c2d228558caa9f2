"""Trains the edge model for understanding. A developer's tool: nothing of it runs in the assistant."""
