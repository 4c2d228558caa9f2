"""The gateway's composition root."""
