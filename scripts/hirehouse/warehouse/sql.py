"""Names and texts in SQL."""


def quoted(name: str) -> str:
    """A name, such as that of a column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
