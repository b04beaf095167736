"""Emission tests: what applications emit, held against the contracts."""
