"""The query language as far as it goes here: one object, conditions, an order, a limit."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from connectors.salesforce.portal.errors import bad, malformed
from connectors.salesforce.portal.ids import LONG, SHORT, long
from connectors.salesforce.portal.schema import Field

LONGEST, MOST_OFFSET = 100_000, 2000
TOKEN = re.compile(
    r"\s*(?:(?P<datetime>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<date>\d{4}-\d\d-\d\d)(?![\w:])"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w:])"
    r"|(?P<text>'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_][\w.]*(?:\(\))?)"
    r"|(?P<sign><=|>=|!=|[=<>(),]))"
)
RESERVED = {"and", "or", "not", "from", "where", "order", "by", "limit", "offset", "in", "like"}
TEXTS = {"string", "textarea", "picklist", "email", "phone"}
NUMBERS = {"double", "currency", "int", "percent"}

# A value of a row by its name, which may go through a reference.
Get = Callable[[str], Any]
Condition = Callable[[Get], bool]
Fields = Callable[[str], Field]


@dataclass(frozen=True)
class Query:
    object: str
    select: list[str]
    where: Condition = lambda _get: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    above: str = ""

    @property
    def counts(self) -> bool:
        return self.select == ["COUNT()"]

    @property
    def by_id(self) -> bool:
        return self.order in ([], [("Id", True)])


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    @cached_property
    def word(self) -> str:
        return self.text.lower() if self.kind == "name" else ""

    @cached_property
    def value(self) -> Any:
        """Raises Refused for what is no literal."""
        if self.kind == "text":
            return re.sub(r"\\(.)", r"\1", self.text[1:-1])
        if self.kind == "number":
            return float(self.text)
        if self.kind == "datetime":
            at = datetime.fromisoformat(self.text.replace("Z", "+00:00")).astimezone(UTC)
            return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        if self.kind == "date":
            return self.text
        if self.word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[self.word]
        raise malformed(f"unexpected token: {self.text}")


def parse(text: str, schema: Mapping[str, Mapping[str, Field]]) -> Query:
    """Raises Refused."""
    if len(text) > LONGEST:
        raise bad("QUERY_TOO_COMPLICATED", "the query is too long")
    return _Parser(list(_tokens(text)), schema).query()


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise malformed(f"unexpected token: {text[place : place + 20]}")
        yield Token(found.lastgroup, found[found.lastgroup])
        place = found.end()


class _Parser:
    def __init__(self, tokens: list[Token], schema: Mapping[str, Mapping[str, Field]]) -> None:
        self._tokens = [*tokens, Token("end", "")]
        self._place = 0
        self._schema = schema
        self._object = ""
        self._above = ""
        self._alone = True

    def query(self) -> Query:
        self._expect("select")
        names = [self._name()]
        while self._took(","):
            names.append(self._name())
        self._expect("from")
        self._object = self._name()
        if self._object not in self._schema:
            raise bad("INVALID_TYPE", f"sObject type '{self._object}' is not supported.")
        if names != ["COUNT()"]:
            for name in names:
                self._field(name)
        where = self._any() if self._took("where") else (lambda _get: True)
        order, limit, offset = self._order(), self._whole("limit"), self._whole("offset") or 0
        if self._next.kind != "end":
            raise malformed(f"unexpected token: {self._next.text}")
        if offset > MOST_OFFSET:
            raise bad("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        above = self._above if self._alone else ""
        return Query(self._object, names, where, order, limit, offset, above)

    def _order(self) -> list[tuple[str, bool]]:
        order: list[tuple[str, bool]] = []
        if not self._took("order"):
            return order
        self._expect("by")
        while not order or self._took(","):
            name = self._name()
            self._field(name)
            down = self._took("desc")
            if not down:
                self._took("asc")
            order.append((name, not down))
        return order

    def _whole(self, word: str) -> int | None:
        return int(self._take().value) if self._took(word) else None

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._took("or"):
            self._alone = False
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda get: any(one(get) for one in parts)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda get: all(one(get) for one in parts)

    def _one(self) -> Condition:
        if self._took("("):
            inner = self._any()
            self._expect(")")
            return inner
        name = self._name()
        known = self._field(name)
        if not known.filterable:
            raise bad("INVALID_FIELD", f"field '{name}' can not be filtered in a query call", name)
        sign = self._take()
        if sign.word == "in":
            return self._among(name, known)
        value = _fitting(known, self._take())
        if sign.word == "like":
            return _like(name, str(value))
        return self._compared(name, known, sign.text, value)

    def _compared(self, name: str, known: Field, sign: str, value: Any) -> Condition:
        if (name, sign) == ("Id", ">"):
            self._above = max(self._above, str(value))
        if sign == "=":
            return lambda get: _folded(known, get(name)) == _folded(known, value)
        if sign == "!=":
            return lambda get: _folded(known, get(name)) != _folded(known, value)
        order: Mapping[str, Callable[[Any, Any], bool]] = {
            "<": lambda one, other: one < other,
            "<=": lambda one, other: one <= other,
            ">": lambda one, other: one > other,
            ">=": lambda one, other: one >= other,
        }
        if sign not in order:
            raise malformed(f"unexpected token: {sign}")
        holds = order[sign]

        def compared(get: Get) -> bool:
            held = get(name)
            if held is None or value is None:
                return False
            return holds(_sortable(known, held), _sortable(known, value))

        return compared

    def _among(self, name: str, known: Field) -> Condition:
        self._expect("(")
        values = {_folded(known, _fitting(known, self._take()))}
        while self._took(","):
            values.add(_folded(known, _fitting(known, self._take())))
        self._expect(")")
        return lambda get: _folded(known, get(name)) in values

    def _field(self, name: str) -> Field:
        """Raises Refused: one that is not there, or not shown to the user, fails the query."""
        kind, path = self._object, name.split(".")
        for step in path[:-1]:
            through = self._schema[kind].get(f"{step}Id")
            if through is None or len(through.to) != 1:
                raise bad("INVALID_FIELD", f"Didn't understand relationship '{step}'")
            kind = through.to[0]
        if path[-1] not in self._schema.get(kind, {}):
            raise bad("INVALID_FIELD", f"No such column '{path[-1]}' on entity '{kind}'.")
        return self._schema[kind][path[-1]]

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        self._place += 1
        return self._tokens[self._place - 1]

    def _took(self, word: str) -> bool:
        if word in (self._next.word, self._next.text):
            self._place += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._took(word):
            raise malformed(f"unexpected token: {self._next.text or '<EOF>'}")

    def _name(self) -> str:
        token = self._take()
        if token.kind != "name" or token.word in RESERVED:
            raise malformed(f"unexpected token: {token.text or '<EOF>'}")
        return token.text


def _fitting(known: Field, token: Token) -> Any:
    value = token.value
    if value is None:
        return None
    wanted = {"boolean": bool, "datetime": "datetime", "date": "date"}.get(known.type)
    if wanted is bool:
        good = isinstance(value, bool)
    elif wanted is not None:
        good = token.kind == wanted
    elif known.type in NUMBERS:
        good = token.kind == "number"
    else:
        good = token.kind == "text"
    if not good:
        raise bad("INVALID_FIELD", f"value of filter criterion for field '{known.name}' is wrong")
    if known.type in ("id", "reference"):
        if len(value) not in (SHORT, LONG):
            raise bad("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return long(value)
    return value


def _folded(known: Field, value: Any) -> Any:
    """Texts are compared without regard to case."""
    return value.casefold() if known.type in TEXTS and isinstance(value, str) else value


def _sortable(known: Field, value: Any) -> Any:
    return value[:SHORT] if known.type in ("id", "reference") else _folded(known, value)


def _like(name: str, pattern: str) -> Condition:
    parts = (".*" if one == "%" else "." if one == "_" else re.escape(one) for one in pattern)
    shape = re.compile("".join(parts), flags=re.IGNORECASE | re.DOTALL)
    return lambda get: isinstance(get(name), str) and shape.fullmatch(get(name)) is not None
