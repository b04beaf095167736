"""Querying: read-only queries of the warehouse, and a published copy of its marts."""
