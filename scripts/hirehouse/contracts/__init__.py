"""The contracts of the events: read, checked, compared and exported."""
