"""SOQL, the part of it that integrations use: one object, filters, order, limit. Text in, SQL over the store out.

Answers a wrong query as Salesforce does (`MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE`). Relationships, aggregates
other than `COUNT()` and relative date literals are not understood and are refused as malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.fakes.salesforce_objects import Field, Object, find_object
from sandbox.project.salesforce import check_characters, instant

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_TEXT = ("string", "picklist", "email", "url", "textarea", "id", "reference")
_NUMBERS = ("currency", "double", "percent", "int")


class SoqlError(Exception):
    """A query that Salesforce refuses: its error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Query:
    """A query understood. `where` and `order` are SQL over (id, body); `counting` is `SELECT COUNT()`."""

    object: Object
    fields: list[str]
    counting: bool = False
    where: str = "1=1"
    params: list[Any] = field(default_factory=list)
    order: str = "id"
    limit: int = -1
    offset: int = 0


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Query:
    """Understand one query.

    Raises:
        SoqlError: with Salesforce's error code, where the query is malformed or names what the org does not have.
    """
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[_Token] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._malformed(text[at : at + 10].strip(), at)
            self._tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
            at = match.end()
        self._next = 0

    # -- tokens -----------------------------------------------------------------------------------------------

    def _malformed(self, text: str, at: int) -> SoqlError:
        return SoqlError(
            "MALFORMED_QUERY",
            f"\n{self._text}\n{' ' * at}^\nERROR at Row:1:Column:{at + 1}\nunexpected token: '{text or '<EOF>'}'",
        )

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("end", "", len(self._text))

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _word(self, *words: str) -> bool:
        """Whether the next token is one of these keywords; takes it if so."""
        token = self._peek()
        if token.kind == "word" and token.text.upper() in words:
            self._next += 1
            return True
        return False

    def _expect(self, what: str) -> None:
        token = self._take()
        if token.text.upper() != what:
            raise self._malformed(token.text, token.at)

    # -- grammar ----------------------------------------------------------------------------------------------

    def query(self) -> Query:
        self._expect("SELECT")
        names = [self._take()]
        counting = names[0].text.upper() == "COUNT" and self._peek().text == "("
        if counting:
            self._take()
            self._expect(")")
        while self._peek().text == ",":
            self._take()
            names.append(self._take())
        for token in names:
            if token.kind != "word":
                raise self._malformed(token.text, token.at)
        self._expect("FROM")
        source = self._take()
        found = find_object(source.text)
        if found is None:
            raise SoqlError(
                "INVALID_TYPE",
                f"\n{self._text}\n{' ' * source.at}^\nERROR at Row:1:Column:{source.at + 1}\nsObject type "
                f"'{source.text}' is not supported. If you are attempting to use a custom object, be sure to append "
                "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate "
                "names.",
            )
        query = Query(found, [] if counting else [self._field(t, found).name for t in names], counting)
        if self._word("WHERE"):
            query.where = self._condition(found, query.params)
        if self._word("ORDER"):
            self._expect("BY")
            query.order = self._ordering(found)
        if self._word("LIMIT"):
            query.limit = self._count()
        if self._word("OFFSET"):
            query.offset = self._count()
        if self._peek().kind != "end":
            raise self._malformed(self._peek().text, self._peek().at)
        return query

    def _count(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit():
            raise self._malformed(token.text, token.at)
        return int(token.text)

    def _ordering(self, on: Object) -> str:
        terms = []
        while True:
            column = _column(self._field(self._take(), on))
            way = "desc" if self._word("DESC") else "asc"
            self._word("ASC")
            nulls = "first"
            if self._word("NULLS"):
                nulls = "last" if self._word("LAST") else "first"
                self._word("FIRST")
            terms.append(f"{column} {way} nulls {nulls}")
            if self._peek().text != ",":
                return ", ".join([*terms, "id"])
            self._take()

    def _condition(self, on: Object, params: list[Any]) -> str:
        """Conditions joined by AND or by OR; both at one level need parentheses, as in Salesforce."""
        parts = [self._simple(on, params)]
        joint = ""
        while self._peek().kind == "word" and self._peek().text.upper() in ("AND", "OR"):
            token = self._take()
            if joint and token.text.upper() != joint:
                raise self._malformed(token.text, token.at)
            joint = token.text.upper()
            parts.append(self._simple(on, params))
        return f" {joint.lower()} ".join(parts) if len(parts) > 1 else parts[0]

    def _simple(self, on: Object, params: list[Any]) -> str:
        if self._word("NOT"):
            return f"not ({self._simple(on, params)})"
        if self._peek().text == "(":
            self._take()
            inner = self._condition(on, params)
            self._expect(")")
            return f"({inner})"
        subject = self._field(self._take(), on)
        column = _column(subject)
        token = self._take()
        word = token.text.upper()
        if word == "NOT":
            self._expect("IN")
            return f"({column} is null or {column} not in ({self._list(subject, params)}))"
        if word == "IN":
            return f"{column} in ({self._list(subject, params)})"
        if word == "LIKE":
            params.append(self._value(self._take(), subject))
            return f"{column} like ?"
        if token.kind != "op" or word in ("(", ")", ","):
            raise self._malformed(token.text, token.at)
        value = self._value(self._take(), subject)
        if value is None and word not in ("=", "!=", "<>"):
            raise self._malformed("null", token.at)
        params.append(value)
        # SOQL's `!=` keeps rows without a value, which SQL's does not.
        return f"{column} { ({'=': 'is', '!=': 'is not', '<>': 'is not'}.get(word, word)) } ?"

    def _list(self, subject: Field, params: list[Any]) -> str:
        self._expect("(")
        count = 0
        while True:
            params.append(self._value(self._take(), subject))
            count += 1
            token = self._take()
            if token.text == ")":
                return ", ".join("?" * count)
            if token.text != ",":
                raise self._malformed(token.text, token.at)

    def _field(self, token: _Token, on: Object) -> Field:
        if token.kind != "word":
            raise self._malformed(token.text, token.at)
        found = on.field(token.text)
        if found is None:
            raise SoqlError(
                "INVALID_FIELD",
                f"\n{self._text}\n{' ' * token.at}^\nERROR at Row:1:Column:{token.at + 1}\nNo such column "
                f"'{token.text}' on entity '{on.name}'. If you are attempting to use a custom field, be sure to append "
                "the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
                "appropriate names.",
            )
        return found

    def _value(self, token: _Token, subject: Field) -> Any:
        """The literal as the store keeps such values.

        Raises:
            SoqlError: where its type does not fit the field's.
        """
        if token.kind == "word" and token.text.upper() == "NULL":
            return None
        wanted = {"boolean": "boolean", "date": "date", "datetime": "datetime"}.get(subject.type, "string")
        wanted = "number" if subject.type in _NUMBERS else wanted
        given = "boolean" if token.text.upper() in ("TRUE", "FALSE") else token.kind
        if given == "word" or given in ("op", "end"):
            raise self._malformed(token.text, token.at)
        if given != wanted:
            quotes = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
            raise SoqlError(
                "INVALID_FIELD",
                f"\n{self._text}\n{' ' * token.at}^\nERROR at Row:1:Column:{token.at + 1}\nvalue of filter criterion "
                f"for field '{subject.name}' must be of type {_soql_type(subject)} and {quotes}",
            )
        if given == "string":
            text = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), token.text[1:-1])
            return with_check(text) if subject.type in ("id", "reference") else text
        if given == "datetime":
            return instant(datetime.fromisoformat(token.text).astimezone(UTC))
        if given == "boolean":
            return int(token.text.upper() == "TRUE")
        return float(token.text) if given == "number" else token.text


def with_check(text: str) -> str:
    """A 15-character id as its 18-character form; anything else as it is."""
    return text + check_characters(text) if len(text) == 15 and text.isalnum() else text


def _column(subject: Field) -> str:
    if subject.name == "Id":
        return "id"
    column = f"body ->> '$.{subject.name}'"
    # Text compares without regard to case, except ids and case-sensitive external ids.
    if subject.type in _TEXT and subject.type not in ("id", "reference") and not subject.external_id:
        return f"({column}) collate nocase"
    return f"({column})"


def _soql_type(subject: Field) -> str:
    return {"datetime": "dateTime", "int": "int", "currency": "double", "percent": "double"}.get(
        subject.type, "string" if subject.type in _TEXT else subject.type
    )
