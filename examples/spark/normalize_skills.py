"""A Spark job: normalize the lists of skills in exported profiles, and write events to land.

Usage: spark-submit normalize_skills.py EXPORT OUT
EXPORT is a folder that `hirehouse export events --event candidate_profile_submitted` has written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

EVENT = "candidate_skills_normalized"


def profiles(spark: SparkSession, folder: Path) -> DataFrame:
    """The profiles of the current version: the files that its manifest names."""
    marts = json.loads((folder / "manifest.json").read_text())["marts"]
    [mart] = [mart for name, mart in marts.items() if name.endswith("candidate_profile_submitted")]
    return spark.read.parquet(*(str(folder / file["path"]) for file in mart["files"]))


def events(profiles: DataFrame) -> DataFrame:
    """An event for each profile with skills, which are JSON text."""
    listed = f.from_json("skills", "array<string>")
    skills = f.array_distinct(f.transform(listed, lambda skill: f.lower(f.trim(skill))))
    parsed = profiles.withColumn("skills", skills).where("skills is not null")
    time = f.date_format("occurred_at", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
    return parsed.select(
        f.lit("track").alias("type"),
        f.lit(EVENT).alias("event"),
        # The same id at each run: what has landed already is a copy, and does not count twice.
        f.concat(f.lit("skills-"), "event_id").alias("messageId"),
        time.alias("timestamp"),
        f.col("user_id").alias("userId"),
        f.struct(
            "candidate_id",
            f.size("skills").alias("skill_count"),
            "skills",
        ).alias("properties"),
    )


def main(export: str, out: str) -> None:
    """Read an export, and write events as files that `hirehouse land` reads."""
    settings = SparkSession.builder.appName("normalize_skills")
    spark = settings.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        events(profiles(spark, Path(export))).write.mode("overwrite").json(out)
    finally:
        spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
