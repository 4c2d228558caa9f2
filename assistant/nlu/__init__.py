"""Text to an Understanding: the cheapest reader first."""
