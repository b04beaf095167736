"""The documentation as a static site: events, models, metrics, boards, and how they are now."""
