"""A stand-in for Amazon Redshift: a proxy in front of PostgreSQL. See docs/redshift.md."""
