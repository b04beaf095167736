"""Backfill: events made from the rows of an older system."""
