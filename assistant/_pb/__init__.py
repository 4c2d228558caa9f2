"""Generated from protos/ by scripts/proto; never edited."""
