"""Which statements Redshift refuses although PostgreSQL takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from hirehouse.contracts.names import reserved_words
from rig.allowed import (
    ALLOWED_FUNCTIONS,
    ALLOWED_NODES,
    ALLOWED_TYPES,
    CATALOG,
    CATALOG_FUNCTIONS,
    COMMANDS,
    CREATABLE,
    KEYWORDS,
    NOT_ON_SERVERLESS,
    SETTINGS,
)
from rig.published import LEADER_ONLY, UNSUPPORTED_FUNCTIONS, UNSUPPORTED_TYPES
from rig.words import COMMENT_ON, Word, without_dollars, words_of

NOT_SUPPORTED = "Specified types or functions not supported on Redshift tables."
UNKNOWN = "the rig does not know this: look it up, and add it to tests/redshift/rig/allowed.py"
SYNTAX, FEATURE = "42601", "0A000"
# Words that are none of SQL's, and so can only be meant as names.
ONLY_NAMES = {
    *("raw", "delta", "tag", "open", "snapshot", "system", "permissions", "wallet", "lzo"),
    *("oid", "tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"),
}
# Functions of windows that take an order without a frame.
RANKED = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.Ntile)
USERS = (["create", "user"], ["create", "group"], ["alter", "default"])


@dataclass(frozen=True)
class Refusal:
    """An error: SQLSTATE, message and detail."""

    code: str
    message: str
    detail: str = ""


def refusal(sql: str, in_transaction: bool = False) -> Refusal | None:
    """Why Redshift refuses a statement; None if it does not.

    Args:
        sql: one statement, as the client sent it.
        in_transaction: whether it comes after a `begin`.
    """
    return next(_refusals(sql, in_transaction), None)


def _refusals(sql: str, in_transaction: bool) -> Iterator[Refusal]:
    if COMMENT_ON.match(sql):
        return
    try:
        words = words_of(sql)
    except SqlglotError as error:
        yield Refusal(SYNTAX, f"syntax error: {error}")
        return
    if not words:
        return
    if any(word.kind == TokenType.SEMICOLON for word in words[:-1]):
        yield Refusal(SYNTAX, "cannot insert multiple commands into a prepared statement")
    texts = [word.text for word in words]
    for text in texts:
        if text.startswith(NOT_ON_SERVERLESS):
            yield Refusal("42P01", f'relation "{text}" does not exist', "not on Serverless")
    if texts[0] in COMMANDS:
        yield from _command(texts, in_transaction)
    if texts[0] in ("set", "reset", "show", "grant", "revoke") or texts[:2] in USERS:
        return
    reads_catalog = any(text.startswith(CATALOG) for text in texts)
    if not reads_catalog:
        yield from _names(words)
    yield from _functions(words, reads_catalog)
    if texts[0] not in COMMANDS and texts[:2] != ["create", "schema"] and not reads_catalog:
        yield from _constructs(sql)


def _command(texts: Sequence[str], in_transaction: bool) -> Iterator[Refusal]:
    match texts[0]:
        case "alter":
            if texts[1] not in ("table", "schema", "default") or "set" in texts:
                yield Refusal(FEATURE, f"{' '.join(texts)}: {UNKNOWN}")
            elif "type" in texts and in_transaction:
                yield Refusal("25001", "ALTER COLUMN cannot run inside a transaction block")
            elif "type" in texts and "varchar" not in texts:
                yield Refusal(FEATURE, "target data type is not supported")
        case "set" | "reset" | "show":
            if texts[1] not in SETTINGS:
                yield Refusal("42704", f'unrecognized configuration parameter "{texts[1]}"')
        case "rollback":
            if "to" in texts:
                yield Refusal(FEATURE, "ROLLBACK TO SAVEPOINT is not supported")
        case "lock":
            if "mode" in texts[-1].split():  # one word of sqlglot's
                yield Refusal(SYNTAX, 'syntax error at or near "in"')


@cache
def _reserved() -> frozenset[str]:
    return frozenset(word for word, engines in reserved_words().items() if "redshift" in engines)


def _names(words: Sequence[Word]) -> Iterator[Refusal]:
    """Reserved words that stand, unquoted, where a name must."""
    for word in words:
        if word.quoted or word.text not in _reserved():
            continue
        beside = TokenType.DOT in (word.before, word.after)
        # `cast(a as timestamp)` and `create view a as select` name nothing.
        alias = word.before == TokenType.ALIAS and word.text not in ("timestamp", "select", "with")
        if beside or alias or word.text in ONLY_NAMES:
            yield Refusal(SYNTAX, f'syntax error at or near "{word.text}"', "a reserved word")


def _functions(words: Sequence[Word], reads_catalog: bool) -> Iterator[Refusal]:
    # `insert into a (`, `with a as (`, `from (…) a (`
    no_call = (TokenType.INTO, TokenType.TABLE, TokenType.ALIAS, TokenType.R_PAREN)
    reads_tables = any(word.kind == TokenType.FROM for word in words)
    for word in words:
        name = word.text
        if word.quoted or not word.opens or not name.isidentifier():
            continue
        if name in KEYWORDS or word.before in no_call:
            continue
        if word.before == TokenType.DOT and not reads_catalog:
            continue  # `insert into a.b (`
        if name in UNSUPPORTED_FUNCTIONS:
            yield Refusal(FEATURE, NOT_SUPPORTED, f"Function {name} is not supported.")
        elif name in ALLOWED_FUNCTIONS or (reads_catalog and name in CATALOG_FUNCTIONS):
            continue
        elif name not in LEADER_ONLY | CATALOG_FUNCTIONS:
            yield Refusal(FEATURE, f"function {name}(): {UNKNOWN}")
        elif reads_tables:
            yield Refusal(FEATURE, NOT_SUPPORTED, f"Function {name} runs on the leader node only.")


def _constructs(sql: str) -> Iterator[Refusal]:
    try:
        statement = sqlglot.parse_one(without_dollars(sql), read="redshift")
    except SqlglotError as error:
        yield Refusal(SYNTAX, f"syntax error: {str(error).splitlines()[0]}")
        return
    for node in statement.walk():
        yield from _construct(node)


def _construct(node: exp.Expr) -> Iterator[Refusal]:
    match node:
        case exp.DataType():
            yield from _type(node)
        case exp.Window():
            yield from _window(node)
        case exp.Create() if node.kind not in CREATABLE or (
            node.args.get("replace") and node.kind != "VIEW"
        ):
            yield Refusal(FEATURE, f"create {node.kind}: {UNKNOWN}")
        case exp.Values() if not isinstance(node.parent, exp.Insert):
            yield Refusal(SYNTAX, "VALUES lists used as constant tables are not supported")
        case exp.Delete() if node.this.args.get("alias"):
            yield Refusal(SYNTAX, "syntax error: DELETE takes no alias")
        case exp.Insert() if node.args.get("conflict") or node.args.get("returning"):
            yield Refusal(SYNTAX, "syntax error: INSERT has neither ON CONFLICT nor RETURNING")
        case exp.Except() | exp.Intersect() if not node.args.get("distinct"):
            yield Refusal(SYNTAX, "EXCEPT ALL and INTERSECT ALL are not supported")
        case exp.Distinct() if node.args.get("on"):
            yield Refusal(SYNTAX, "SELECT DISTINCT ON is not supported")
        case exp.With() if node.args.get("recursive"):
            yield Refusal(FEATURE, f"with recursive: {UNKNOWN}")
        case _ if type(node).__name__ not in ALLOWED_NODES:
            yield Refusal(FEATURE, f"{type(node).__name__}: {UNKNOWN}")


def _type(node: exp.DataType) -> Iterator[Refusal]:
    kind = node.this.value if isinstance(node.this, exp.DType) else str(node.this)
    if kind.lower() in UNSUPPORTED_TYPES or kind in ("ARRAY", "USERDEFINED"):
        yield Refusal(FEATURE, NOT_SUPPORTED, f"Type {node.sql('redshift')} is not supported.")
    elif kind not in ALLOWED_TYPES:
        yield Refusal(FEATURE, f"type {node.sql('redshift')}: {UNKNOWN}")


def _window(node: exp.Window) -> Iterator[Refusal]:
    frame = node.args.get("spec")
    if frame is not None and str(frame.args.get("kind", "ROWS")).upper() != "ROWS":
        yield Refusal(FEATURE, "RANGE window frames are not supported")
    if node.args.get("order") and frame is None and not isinstance(node.this, RANKED):
        yield Refusal(
            FEATURE, "Aggregate window functions with an ORDER BY clause require a frame clause"
        )
