"""The loop that keeps a warehouse up to date."""
