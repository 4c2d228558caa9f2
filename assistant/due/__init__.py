"""The one durable scheduler behind timers."""
