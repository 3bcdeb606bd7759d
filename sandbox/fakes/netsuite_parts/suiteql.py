"""SuiteQL, as much of it as an integration needs: parsed by sqlglot, checked against the schema, run by SQLite.

Understood: SELECT of columns, `*`, COUNT(*), TO_CHAR(column, format) from one table or inner joins of two; WHERE with
AND, OR, NOT, comparisons, IN, BETWEEN, LIKE, IS NULL, MOD, TO_DATE, TO_TIMESTAMP; ORDER BY. Anything else is refused
in NetSuite's words rather than half understood. Answers follow NetSuite: names in lower case, every value text, empty
columns left out, a date or instant without TO_CHAR as a bare `M/D/YYYY` (the time of day is lost).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlglot
from sqlglot import exp

from sandbox.fakes.netsuite_parts.answers import Refusal
from sandbox.fakes.netsuite_parts.schema import TABLES, Table

# A query never yields more rows than this, however it is paged.
MOST_ROWS = 100_000

_COMPARISONS: dict[type[exp.Expression], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip
_NUMBERS = ("id", "int", "num")
_TIMES = ("date", "time")
_FORMAT = re.compile(r'"([^"]*)"|(YYYY|MM|DD|HH24|MI|SS)|([^A-Za-z"]+)')
_SLICES = {"YYYY": (0, 4), "MM": (5, 7), "DD": (8, 10), "HH24": (11, 13), "MI": (14, 16), "SS": (17, 19)}

Read = Callable[[str, list[Any]], list[Any]]


@dataclass(frozen=True)
class _Scope:
    """A table: the name that the query gave it, and the one that it has in SQLite's query."""

    alias: str
    row: str
    name: str
    table: Table


@dataclass(frozen=True)
class _Value:
    """A piece of SQLite SQL with its type; `literal` for what was written out in the query."""

    sql: str
    kind: str
    literal: bool = False


@dataclass(frozen=True)
class _Output:
    """One column of the answer: which body of the row it comes from, which field, and how it is shown."""

    name: str
    scope: int
    field: str
    show: Callable[[str], str] | None


@dataclass(frozen=True)
class Page:
    """Some rows of an answer, and how many there are in all."""

    items: list[dict[str, Any]]
    total: int


def invalid(reason: str) -> Refusal:
    """The error body of a query that NetSuite can't run."""
    return Refusal(
        400,
        "INVALID_PARAMETER",
        "Invalid search query. Detailed unprocessed description follows. Search error occurred: " + reason,
        where={"o:errorQueryParam": "q"},
    )


def run(query: str, limit: int, offset: int, read: Read) -> Page:
    """Answer one page of a query.

    Args:
        read: runs SQLite SQL with parameters over the store.

    Raises:
        Refusal: if the query is wrong, or not understood by this fake.
    """
    plan = _Plan(query)
    total = min(int(read(plan.count_sql, plan.params)[0][0]), MOST_ROWS)
    if plan.counts:
        return Page([{"links": [], plan.counts: str(total)}], 1)
    rows = read(f"{plan.sql} limit {min(limit, max(total - offset, 0))} offset {offset}", plan.params)
    return Page([plan.item(row) for row in rows], total)


class _Plan:
    """A query translated to SQLite."""

    def __init__(self, query: str) -> None:
        try:
            tree = sqlglot.parse_one(query, dialect="oracle")
        except sqlglot.errors.SqlglotError as error:
            raise invalid(f"Invalid or unsupported search. {str(error).splitlines()[0]}") from None
        if not isinstance(tree, exp.Select):
            raise invalid("Only SELECT is supported.")
        unknown = [
            name
            for name, value in tree.args.items()
            if value and name not in ("kind", "expressions", "from_", "from", "joins", "where", "order")
        ]
        if unknown:
            raise invalid(f"Invalid or unsupported search. This account does not take {', '.join(unknown)}.")
        self.params: list[Any] = []
        self._scopes = self._tables(tree)
        self.counts: str | None = None
        self._outputs = self._select(tree.expressions)
        source = self._source(tree)
        where = tree.args.get("where")
        condition = self._condition(where.this) if where else "1=1"
        live = " and ".join(f"{s.row}.object = '{s.name}' and {s.row}.deleted = 0" for s in self._scopes)
        self._decode = msgspec.json.Decoder(dict[str, str]).decode
        bodies = ", ".join(f"{scope.row}.body" for scope in self._scopes)
        self.count_sql = f"select count(*) from {source} where {live} and {condition}"
        self.sql = f"select {bodies} from {source} where {live} and {condition}{self._order(tree.args.get('order'))}"

    def item(self, row: tuple[str, ...]) -> dict[str, Any]:
        """One row as SuiteQL shows it."""
        records = [self._decode(body) for body in row]
        out: dict[str, Any] = {"links": []}
        for column in self._outputs:
            value = records[column.scope].get(column.field)
            if value is not None:
                out[column.name] = column.show(value) if column.show else value
        return out

    # -- tables and columns -------------------------------------------------------------------------------------

    def _tables(self, tree: exp.Select) -> list[_Scope]:
        source = tree.args.get("from_") or tree.args.get("from")
        if source is None:
            raise invalid("Invalid or unsupported search. No record to search.")
        named = [source.this, *(join.this for join in tree.args.get("joins") or [])]
        if len(named) > 2:
            raise invalid("Invalid or unsupported search. At most two records are joined.")
        scopes: list[_Scope] = []
        for table in named:
            name = table.name.lower() if isinstance(table, exp.Table) else str(table)
            if name not in TABLES:
                raise invalid(f"Record '{name}' was not found.")
            scopes.append(_Scope((table.alias or name).lower(), f"t{len(scopes)}", name, TABLES[name]))
        return scopes

    def _source(self, tree: exp.Select) -> str:
        first, *others = self._scopes
        sql = f"record {first.row}"
        for scope, join in zip(others, tree.args.get("joins") or [], strict=True):
            if join.args.get("side") or join.args.get("on") is None:
                raise invalid("Invalid or unsupported search. Only inner joins with ON.")
            sql += f" join record {scope.row} on {self._condition(join.args['on'])}"
        return sql

    def _find(self, column: exp.Column) -> tuple[int, str]:
        name, prefix = column.name.lower(), column.table.lower()
        for place, scope in enumerate(self._scopes):
            if prefix in ("", scope.alias, scope.name) and name in scope.table.columns:
                return place, name
        known = ", ".join(sorted(scope.alias for scope in self._scopes))
        raise invalid(f"Unknown identifier '{column.sql()}'. Available identifiers are: {{{known}}}")

    def _select(self, expressions: list[exp.Expression]) -> list[_Output]:
        outputs: list[_Output] = []
        for expression in expressions:
            plain = expression.this if isinstance(expression, exp.Alias) else expression
            if isinstance(plain, exp.Count) and isinstance(plain.this, exp.Star) and len(expressions) == 1:
                self.counts = (expression.alias or "expr1").lower()
            elif isinstance(plain, exp.Star):
                outputs += [self._shown(0, name, name) for name in self._scopes[0].table.columns]
            elif isinstance(plain, exp.ToChar) and isinstance(plain.this, exp.Column) and plain.args.get("format"):
                scope, field = self._find(plain.this)
                name = (expression.alias or f"expr{len(outputs) + 1}").lower()
                outputs.append(_Output(name, scope, field, _formatter(plain.args["format"].name)))
            elif isinstance(plain, exp.Column):
                scope, field = self._find(plain)
                outputs.append(self._shown(scope, field, (expression.alias or field).lower()))
            else:
                raise invalid(f"Invalid or unsupported search. Unknown function: {plain.sql()}")
        return outputs

    def _shown(self, scope: int, field: str, name: str) -> _Output:
        kind = self._scopes[scope].table.columns[field]
        return _Output(name, scope, field, _bare_date if kind in _TIMES else None)

    # -- conditions ---------------------------------------------------------------------------------------------

    def _condition(self, node: exp.Expression) -> str:  # noqa: PLR0911 - one return a kind of node
        if isinstance(node, exp.Paren):
            return f"({self._condition(node.this)})"
        if isinstance(node, (exp.And, exp.Or)):
            word = "and" if isinstance(node, exp.And) else "or"
            return f"({self._condition(node.this)} {word} {self._condition(node.expression)})"
        if isinstance(node, exp.Not):
            return f"(not {self._condition(node.this)})"
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return f"{self._value(node.this).sql} is null"
        if isinstance(node, exp.In) and node.expressions:
            left = self._value(node.this)
            values = ", ".join(self._against(left, item).sql for item in node.expressions)
            return f"{left.sql} in ({values})"
        if isinstance(node, exp.Between):
            left = self._value(node.this)
            low, high = self._against(left, node.args["low"]), self._against(left, node.args["high"])
            return f"{left.sql} between {low.sql} and {high.sql}"
        if isinstance(node, exp.Like):
            return f"{self._value(node.this).sql} like {self._value(node.expression).sql}"
        if type(node) in _COMPARISONS:
            left, right = node.this, node.expression
            if isinstance(left, exp.Literal):
                value = self._value(right)
                return f"{self._against(value, left).sql} {_COMPARISONS[type(node)]} {value.sql}"
            value = self._value(left)
            return f"{value.sql} {_COMPARISONS[type(node)]} {self._against(value, right).sql}"
        raise invalid(f"Invalid or unsupported search. Can't evaluate: {node.sql()}")

    def _against(self, left: _Value, node: exp.Expression) -> _Value:
        """The other side of a comparison, brought to the left side's type."""
        right = self._value(node)
        if left.kind in _NUMBERS and isinstance(node, exp.Literal) and node.is_string:
            try:
                float(node.name)
            except ValueError:
                raise invalid("Invalid number.") from None
            return _Value(node.name, "num", literal=True)
        if left.kind in _TIMES and isinstance(node, exp.Literal):
            try:
                day = datetime.strptime(node.name, "%m/%d/%Y")  # noqa: DTZ007 - text to text, no zone in it
            except ValueError:
                raise invalid("Invalid date. Use TO_DATE or TO_TIMESTAMP.") from None
            return _Value(_quote(_stamp(day)), "time", literal=True)
        if left.kind == "text" and isinstance(node, exp.Literal) and not node.is_string:
            return _Value(_quote(node.name), "text", literal=True)
        return right

    def _value(self, node: exp.Expression) -> _Value:
        if isinstance(node, exp.Paren):
            return self._value(node.this)
        if isinstance(node, exp.Column):
            return self._column(*self._find(node))
        if isinstance(node, exp.Literal):
            return _Value(_quote(node.name), "text", True) if node.is_string else _Value(_plain(node), "num", True)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return _Value("-" + _plain(node.this), "num", literal=True)
        if isinstance(node, exp.Mod):
            left, right = self._value(node.this), self._value(node.expression)
            return _Value(f"({left.sql} % {right.sql})", "num")
        if isinstance(node, (exp.StrToTime, exp.StrToDate)) and isinstance(node.this, exp.Literal):
            try:
                moment = datetime.strptime(node.this.name, node.args["format"].name)  # noqa: DTZ007 - as above
            except ValueError as error:
                raise invalid(f"Invalid date: {error}") from None
            return _Value(_quote(_stamp(moment)), "time", literal=True)
        raise invalid(f"Invalid or unsupported search. Can't evaluate: {node.sql()}")

    def _column(self, place: int, name: str) -> _Value:  # noqa: PLR0911 - one return a kind of column
        scope = self._scopes[place]
        kind = scope.table.columns[name]
        if name == scope.table.stamp:
            return _Value(f"{scope.row}.modified", "time")
        if name == scope.table.key:
            return _Value(f"cast({scope.row}.id as integer)", kind)
        path = f"{scope.row}.body ->> '$.{name}'"
        if kind in ("id", "int"):
            return _Value(f"cast({path} as integer)", kind)
        if kind == "num":
            return _Value(f"cast({path} as real)", kind)
        if kind == "date":
            return _Value(f"({path} || 'T00:00:00.000000')", kind)
        if kind == "time":
            return _Value(f"({path} || '.000000')", kind)
        return _Value(f"({path})", "text")

    def _order(self, order: exp.Order | None) -> str:
        """Rows of one query come in one order on every page: the ones asked for, then by id."""
        asked = [
            f"{self._value(term.this).sql}{' desc' if term.args.get('desc') else ''}"
            for term in (order.expressions if order else [])
        ]
        return " order by " + ", ".join([*asked, *(f"{scope.row}.id" for scope in self._scopes)])


def _plain(node: exp.Expression) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?", node.name):
        raise invalid("Invalid number.")
    return node.name


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000")


def _bare_date(value: str) -> str:
    """A date or instant as the user's date format shows it."""
    return f"{int(value[5:7])}/{int(value[8:10])}/{value[:4]}"


def _formatter(pattern: str) -> Callable[[str], str]:
    """TO_CHAR for the stored form of dates and instants."""
    if pattern == 'YYYY-MM-DD"T"HH24:MI:SS"Z"':
        return lambda value: value + "Z"
    pieces: list[tuple[int, int] | str] = []
    end = 0
    for match in _FORMAT.finditer(pattern):
        if match.start() != end:
            break
        end = match.end()
        quoted, token, other = match.groups()
        pieces.append(_SLICES[token] if token else quoted if quoted is not None else other)
    if end != len(pattern):
        raise invalid(f"Invalid date format '{pattern}'.")

    def show(value: str) -> str:
        whole = value if "T" in value else value + "T00:00:00"
        return "".join(piece if isinstance(piece, str) else whole[piece[0] : piece[1]] for piece in pieces)

    return show
