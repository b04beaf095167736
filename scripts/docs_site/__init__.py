"""The documentation site, made of dbt's manifest."""
