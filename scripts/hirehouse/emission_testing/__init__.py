"""Emission tests: check the events of applications against the contracts."""
