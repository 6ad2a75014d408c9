"""A tiny extension built for the platform's baseline, so that it loads on every processor."""

def levels() -> list[str]:
    """Levels that this processor and operating system can run, lowest first: `["v2", "v3"]`."""
