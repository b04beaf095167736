"""What PostgreSQL must get in other words, to do what Redshift does."""

from __future__ import annotations

import re

from sqlglot import TokenType

from rig.words import COMMENT_ON, Word, words_of

# Types without a size, as Redshift takes them.
UNSIZED = {
    "varchar": "varchar(256)",
    "nvarchar": "varchar(256)",
    "text": "varchar(256)",
    "char": "char(1)",
    "numeric": "numeric(18, 0)",
    "decimal": "numeric(18, 0)",
}
# How Redshift lays out a table, which PostgreSQL has no words for.
DESIGN = re.compile(
    r"\bbackup\s+(?:no|yes)\b"
    r"|\bdiststyle\s+(?:all|even|key|auto)\b"
    r"|\bdistkey\b\s*(?:\([^()]*\))?"
    r"|\b(?:compound\s+|interleaved\s+)?sortkey\b\s*(?:auto|\([^()]*\))?",
    re.IGNORECASE,
)
QUERY = re.compile(r"\bas\s*\(?\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|with)\b", re.I | re.S)
SCHEMA_OF_DATABASE = re.compile(
    r"(\b(?:create|drop)\s+schema\s+(?:if\s+(?:not\s+)?exists\s+)?)\"?\w+\"?\s*\.", re.IGNORECASE
)


def rewritten(sql: str) -> str:
    """The statement for PostgreSQL. Only what differs is changed; all else stays to the letter."""
    if COMMENT_ON.match(sql):
        return sql
    words = words_of(sql)
    verb = words[0].text if words else ""
    defines = verb in ("create", "alter")
    for place in range(len(words) - 1, -1, -1):
        word = words[place]
        previous = words[place - 2] if place > 1 else None
        if (text := _other(word, previous, defines)) is not None:
            sql = sql[: word.token.start] + text + sql[word.token.end + 1 :]
    if verb == "create":
        sql = _without_design(sql)
    return SCHEMA_OF_DATABASE.sub(r"\1", sql).replace("pg_catalog.svv_", "rs.svv_")


def _other(word: Word, previous: Word | None, defines: bool) -> str | None:
    """What a word becomes; None if it stays. `previous` is the word before the last one."""
    if word.kind == TokenType.IDENTIFIER:
        return f'"{word.text}"'
    if word.quoted:
        return None
    # datediff(second, …)
    if word.before == TokenType.L_PAREN and previous and previous.text in ("datediff", "dateadd"):
        return f"'{word.text}'"
    if word.text == "max" and (word.before, word.after) == (TokenType.L_PAREN, TokenType.R_PAREN):
        return "65535"
    cast = word.before in (TokenType.ALIAS, TokenType.DCOLON)
    if word.text in UNSIZED and not word.opens and (cast or defines):
        return None if word.before in (TokenType.DOT, TokenType.SELECT) else UNSIZED[word.text]
    return None


def _without_design(sql: str) -> str:
    """Leave out dist and sort keys, which stand before the query of a `create table`."""
    query = QUERY.search(sql)
    end = query.start() if query else len(sql)
    return DESIGN.sub("", sql[:end]) + sql[end:]
