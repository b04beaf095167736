"""What the rig lets pass: what the project uses, looked up in Amazon's documentation.

All else is refused, so that nothing passes here just because PostgreSQL has it.
"""

from __future__ import annotations

from support.allowed_sql import CONSTRUCTS, FROM_MACROS, FUNCTIONS, TYPES

# Functions of models and macros on Redshift, then those of the package and of tests.
ALLOWED_FUNCTIONS = (set(FUNCTIONS) | set(FROM_MACROS)) - {"generate_series", "strlen"} | {
    *("abs", "avg", "concat", "dateadd", "getdate", "length", "len", "mod", "nvl", "random"),
    "current_database",
}
# More of them in queries of the catalog, which run on the leader node.
CATALOG_FUNCTIONS = {
    *("format_type", "has_table_privilege", "has_schema_privilege", "has_database_privilege"),
    *("pg_backend_pid", "pg_get_late_binding_view_cols", "pg_terminate_backend", "regexp_substr"),
    *("split_part", "upper", "current_schema", "pg_get_userbyid"),
}
CATALOG = ("pg_", "svv_", "sys_", "information_schema")
# Of provisioned clusters only.
NOT_ON_SERVERLESS = ("stl_", "stv_", "svl_", "svcs_")

# sqlglot's names of what statements consist of.
ALLOWED_NODES = CONSTRUCTS.union(*FUNCTIONS.values(), *FROM_MACROS.values()) - {
    "GenerateSeries"
} | {
    # functions
    *(
        "Abs",
        "Avg",
        "Anonymous",
        "Concat",
        "DateAdd",
        "TsOrDsAdd",
        "TsOrDsToDate",
        "TsOrDsDiff",
        "Length",
        "Mod",
        "Rand",
    ),
    *("CurrentTimestamp", "CurrentDatabase", "Parameter", "Placeholder"),
    # statements that define and change tables
    *("Create", "Schema", "ColumnDef", "ColumnConstraint", "NotNullColumnConstraint", "Properties"),
    *("TemporaryProperty", "DistStyleProperty", "DistKeyProperty", "SortKeyProperty"),
    *("Insert", "Values", "Tuple", "Update", "Delete"),
}
# Models have no floats, which MetricFlow divides by.
ALLOWED_TYPES = TYPES | {"CHAR", "DOUBLE", "SMALLINT", "INTERVAL", "UNKNOWN"}
CREATABLE = {"SCHEMA", "TABLE", "VIEW"}
# Statements that are read as words.
COMMANDS = {
    *("begin", "start", "commit", "end", "rollback", "abort", "grant", "revoke"),
    *("set", "reset", "show", "drop", "alter", "lock", "unload"),
}
SETTINGS = {"query_group", "statement_timeout", "timezone", "search_path"}
# What stands in front of a parenthesis and is no function.
KEYWORDS = {
    *(
        "all",
        "and",
        "any",
        "as",
        "between",
        "by",
        "case",
        "distinct",
        "else",
        "exists",
        "from",
        "in",
    ),
    *(
        "insert",
        "into",
        "join",
        "not",
        "on",
        "or",
        "over",
        "select",
        "set",
        "table",
        "then",
        "union",
    ),
    *("values", "when", "where", "using", "except", "intersect", "distkey", "sortkey", "with"),
    *("varchar", "numeric", "decimal", "char", "character", "varying", "having", "limit"),
}
