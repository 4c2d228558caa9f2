"""The cloud's end of the wire: gRPC in front of an OpenAI-compatible server."""
