"""Which right a role lacks on PostgreSQL, and the statement that grants it."""

import re
from collections.abc import Callable
from typing import Any

Ask = Callable[[str, list[str]], list[tuple[Any, ...]]]
DENIED = re.compile(r'permission denied for (database|schema|table|view) "?(\w+)')
NOT_OWNER = re.compile(r'must be owner of (schema|table|view|materialized view) "?(\w+)')
DATABASE = (
    "select format('%%I', current_database()), array['create'], format('%%I', current_user)"
    " where %s is not null and not has_database_privilege(current_database(), 'create')"
)
SCHEMA = (
    "select format('%%I', nspname), array(select held from unnest(array['usage', 'create']) as held"
    " where not has_schema_privilege(oid, held)), format('%%I', current_user)"
    " from pg_namespace where nspname = %s"
)
# A name may be in several schemas; the lander's comes first. It deletes no rows, as dbt does.
TABLE = (
    "select format('%%I.%%I', nspname, relname), array(select held from"
    " unnest(array['select', 'insert', 'update', 'delete']) as held"
    " where not has_table_privilege(tables.oid, held)"
    " and not (nspname = 'landed' and held = 'delete')), format('%%I', current_user)"
    " from pg_class as tables inner join pg_namespace as schemas on relnamespace = schemas.oid"
    " where relname = %s and relkind in ('r', 'p', 'v', 'm') and nspname not like 'pg\\_%%'"
    " order by nspname <> 'landed', nspname"
)
QUERIES = {"database": DATABASE, "schema": SCHEMA, "table": TABLE, "view": TABLE}


def missing_right(message: str, ask: Ask, *, reads: bool = False) -> str | None:
    """What the role lacks and how to grant it, by the error that PostgreSQL gave; None if unclear.

    Args:
        message: the server's error, also within that of another program.
        ask: runs a query with parameters (`%s`) as that role.
        reads: the role only reads, and needs no right to change anything.
    """
    who = "A superuser or the owner has to run"
    if denied := DENIED.search(message):
        kind = denied[1]
        for name, rights, role in ask(QUERIES[kind], [denied[2]]):
            wanted = [right for right in rights if not reads or right in ("usage", "select")]
            if wanted:
                kind, lacking = kind.replace("view", "table"), ", ".join(wanted)
                grant = f"grant {lacking} on {kind} {name} to {role};"
                return f"role {role} lacks {lacking} on {kind} {name}. {who}: {grant}"
    if owned := NOT_OWNER.search(message):
        kind = "schema" if owned[1] == "schema" else "table"
        for name, _, role in ask(QUERIES[kind], [owned[2]]):
            grant = f"alter {kind} {name} owner to {role};"
            return f"role {role} has to own {kind} {name}. {who}: {grant}"
    return None
