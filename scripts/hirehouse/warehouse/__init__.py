"""The warehouse: connections from the dbt profile, and the tables of schema landed."""
