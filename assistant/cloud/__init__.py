"""The edge's end of the wire to the gateway."""
