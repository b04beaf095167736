"""One event: its exact JSON, its tracking call, and whether it conforms to its contract."""
