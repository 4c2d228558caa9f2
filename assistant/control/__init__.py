"""The local gRPC service that steers a running daemon, and its client."""
