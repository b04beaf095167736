"""Exporting: marts and landed events as versions of immutable Parquet files, and Iceberg tables."""
