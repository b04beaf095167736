"""The nightly job: count what the database holds of a day, for hirehouse to compare with its marts.

DATABASE=app.db python nightly_count.py [DAY]        the day as 2026-03-02; else yesterday, UTC
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from outbox import emit, transaction


def count(database: Path, day: date) -> None:
    """Tell how many candidacies were opened on a day; whatever wrote their rows."""
    with transaction(database) as connection:
        opened = "select count(*) from candidacies where date(requested_at) = ?"
        [row_count] = connection.execute(opened, [str(day)]).fetchone()
        counted = {"counted_on": str(day), "entity": "candidacies", "row_count": row_count}
        emit(connection, "production_counted", "nightly-count", counted)


if __name__ == "__main__":
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    day = date.fromisoformat(sys.argv[1]) if len(sys.argv) > 1 else yesterday
    count(Path(os.environ["DATABASE"]), day)
