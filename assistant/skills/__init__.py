"""What the edge can do by itself; one file a skill."""
