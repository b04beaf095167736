"""A plugin of dbt-duckdb, named in profiles.yml: dbt waits for a file that is taken, and says so.

dbt-duckdb's own `retries` wait in silence, twice as long each time, and for a wrong path, too.
"""

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from hirehouse.warehouse.connections import connect_duckdb, say_on_stderr


class Plugin(BasePlugin):
    """Opens the file before dbt does, and lets go of it when dbt has it, too."""

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Called just before dbt connects."""
        # The connections of a process share the file's lock, so nobody can come in between.
        self.connection = connect_duckdb(creds.path, {"config_options": config}, say_on_stderr)

    def configure_connection(self, conn: Any) -> None:  # noqa: ARG002
        """Called just after dbt has connected."""
        self.connection.close()
