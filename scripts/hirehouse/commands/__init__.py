"""The commands of `hirehouse`."""
