"""One turn's life: listen, understand, route, answer, speak, remember."""
