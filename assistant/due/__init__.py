"""The one durable scheduler behind timers: pure decisions (`decide`, `change`), a small asyncio shell (`scheduler`)."""
