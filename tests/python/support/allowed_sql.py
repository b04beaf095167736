"""The SQL that models may use: what DuckDB, PostgreSQL and Redshift have and understand alike.

What is not in here fails, so a new function is looked up for all three engines, and tried, before
it is added. What engines differ in belongs into a macro under macros/engine/.
"""

from __future__ import annotations

# As written in front of a parenthesis, with the names that sqlglot has for them.
FUNCTIONS: dict[str, set[str]] = {
    "cast": {"Cast"},
    "coalesce": {"Coalesce"},
    "count": {"Count"},
    "date_trunc": {"TimestampTrunc", "DateTrunc"},
    "dense_rank": {"DenseRank"},
    "extract": {"Extract"},
    "first_value": {"FirstValue"},
    "greatest": {"Greatest"},
    "lag": {"Lag"},
    "last_value": {"LastValue"},
    "lead": {"Lead"},
    "least": {"Least"},
    "lower": {"Lower"},
    "max": {"Max"},
    "md5": {"MD5"},
    "min": {"Min"},
    "nullif": {"Nullif"},
    "rank": {"Rank"},
    "round": {"Round"},
    "row_number": {"RowNumber"},
    "split_part": {"SplitPart"},
    "substring": {"Substring"},
    "sum": {"Sum"},
    "trim": {"Trim"},
}

# Functions that only a macro may write, ours under macros/engine/ or one of dbt's.
FROM_MACROS: dict[str, set[str]] = {
    "datediff": {"DateDiff"},  # seconds_between
    "generate_series": {"GenerateSeries"},  # dbt.date_spine on DuckDB
    "octet_length": {"ByteLength"},  # byte_length on PostgreSQL
    "power": {"Pow"},  # dbt.date_spine on PostgreSQL and Redshift
    "sqrt": {"Sqrt"},  # whole_root, which corrects it
    "strlen": {"Anonymous"},  # byte_length on DuckDB
}

# Keywords that stand in front of a parenthesis.
KEYWORDS = {
    *("all", "and", "as", "between", "by", "case", "distinct", "else", "exists", "from", "in"),
    *("join", "not", "on", "or", "over", "select", "then", "when", "where", "union"),
    *("varchar", "numeric"),
}

# sqlglot's names of everything but functions.
CONSTRUCTS = {
    # a select and its clauses
    *("Select", "With", "CTE", "TableAlias", "From", "Join", "Where", "Group", "Having", "Order"),
    *("Ordered", "Distinct", "Union", "Except", "Intersect", "Subquery", "Limit"),
    # names and values
    *("Table", "Column", "Identifier", "Alias", "Star", "Literal", "Null", "Boolean", "Var"),
    *("DataType", "DataTypeParam", "Interval", "IntervalSpan"),
    # operators
    *("And", "Or", "Not", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "Is", "In", "Between", "Exists"),
    *("Like", "Escape", "Add", "Sub", "Mul", "Div", "Neg", "Paren", "Case", "If", "DPipe"),
    # windows
    *("Window", "WindowSpec"),
}

# What a construct may have, where engines differ in its extras: `distinct on`, `group by all`,
# `union by name`, `select * exclude`, named windows, asof joins.
PARTS: dict[str, set[str]] = {
    "Select": {
        *("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having"),
        *("order", "limit"),
    },
    "With": {"expressions"},
    "CTE": {"this", "alias"},
    "TableAlias": {"this"},
    "Table": {"this", "db", "catalog", "alias"},
    "Join": {"this", "on", "kind", "side"},
    "Group": {"expressions"},
    "Union": {"this", "expression", "distinct", "with_", "order", "limit", "side", "kind"},
    "Distinct": {"expressions"},
    "Star": set(),
    "Window": {"this", "partition_by", "order", "spec", "over"},
    "Cast": {"this", "to"},
    "Count": {"this", "big_int"},
    "Sum": {"this"},
    "Subquery": {"this", "alias"},
}
JOINS = {"", "INNER", "OUTER", "CROSS", "LEFT", "FULL"}

# sqlglot's names of types: it calls `varchar(n)` TEXT when it reads DuckDB's dialect.
TYPES = {"VARCHAR", "TEXT", "INT", "BIGINT", "DECIMAL", "BOOLEAN", "DATE", "TIMESTAMP"}
TYPES |= {"INT128"}  # `hugeint`, of quotient on DuckDB
TYPES |= {"TIMESTAMPNTZ"}  # a `timestamp` without zone, in sqlglot's words for DuckDB
