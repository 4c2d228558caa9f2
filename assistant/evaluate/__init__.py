"""The evaluation commands: they build the parts they measure and run them over a manifest."""
