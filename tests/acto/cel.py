"""CEL as far as our rules use it, so that a case's verdict follows from the rule that stands in the schema.

A rule that uses more raises NotUnderstood; a test lists all rules, so that this is noticed when the rule is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+)|(?P<string>r?'(?:\\.|[^'\\])*'|r?\"(?:\\.|[^\"\\])*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]]))"
)
_ESCAPE = re.compile(r"\\(.)")
_CONSTANTS = {"true": True, "false": False, "null": None}
_MACROS = {"all", "exists", "exists_one"}
Node = tuple[Any, ...]


class NotUnderstood(Exception):  # noqa: N818 - says what happened
    """The expression uses CEL that is not spoken here."""


class Failed(Exception):  # noqa: N818 - says what happened
    """The expression has no value, as with a missing field; the API server refuses then."""


def evaluate(expression: str, value: Any) -> Any:
    """The value of an expression.

    Raises:
        NotUnderstood: it uses CEL that is not spoken here.
        Failed: it has no value.
    """
    return _value(parse(expression), {"self": value})


@cache
def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        NotUnderstood: it cannot be read.
    """
    parser = _Parser(_tokens(expression))
    tree = parser.ternary()
    if parser.peek:
        raise NotUnderstood(f"{parser.peek} is left over in {expression}")
    return tree


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expression.rstrip()):
        match = _TOKEN.match(expression, at)
        if not match:
            raise NotUnderstood(f"{expression[at:]!r} in {expression}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


class _Parser:
    """Precedence climbing over the tokens."""

    _LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    @property
    def peek(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def take(self, *wanted: str) -> str:
        if not self._tokens or (wanted and self.peek not in wanted):
            raise NotUnderstood(f"{wanted} expected, not {self.peek!r}")
        return self._tokens.pop(0)[1]

    def ternary(self) -> Node:
        condition = self.binary(0)
        if self.peek != "?":
            return condition
        self.take("?")
        yes = self.ternary()
        self.take(":")
        return ("if", condition, yes, self.ternary())

    def binary(self, level: int) -> Node:
        if level == len(self._LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek in self._LEVELS[level]:
            left = ("binary", self.take(), left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        return ("unary", self.take(), self.unary()) if self.peek in ("!", "-") else self.postfix()

    def postfix(self) -> Node:
        node = self.primary()
        while self.peek in (".", "["):
            if self.take() == "[":
                node = ("index", node, self.ternary())
                self.take("]")
                continue
            name = self.take()
            node = ("call", node, name, self.arguments()) if self.peek == "(" else ("select", node, name)
        return node

    def arguments(self, opening: str = "(", closing: str = ")") -> list[Node]:
        self.take(opening)
        found: list[Node] = []
        while self.peek != closing:
            found.append(self.ternary())
            if self.peek != closing:
                self.take(",")
        self.take(closing)
        return found

    def primary(self) -> Node:
        if self.peek == "(":
            (inner,) = self.arguments()
            return inner
        if self.peek == "[":
            return ("list", self.arguments("[", "]"))
        kind, text = self._tokens[0] if self._tokens else ("", "")
        self.take()
        if kind == "number":
            return ("constant", int(text))
        if kind == "string":
            raw = text.startswith("r")
            inside = text[2:-1] if raw else text[1:-1]
            return ("constant", inside if raw else _ESCAPE.sub(_escaped, inside))
        if kind != "name":
            raise NotUnderstood(f"{text!r} begins no expression")
        if text in _CONSTANTS:
            return ("constant", _CONSTANTS[text])
        return ("call", None, text, self.arguments()) if self.peek == "(" else ("name", text)


def _escaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1])


def _value(node: Node, names: Mapping[str, Any]) -> Any:
    return _KINDS[node[0]](node, names)


def _name(node: Node, names: Mapping[str, Any]) -> Any:
    if node[1] not in names:
        raise NotUnderstood(f"the name {node[1]}")
    return names[node[1]]


def _unary(node: Node, names: Mapping[str, Any]) -> Any:
    value = _value(node[2], names)
    return not value if node[1] == "!" else -value


def _part(whole: Any, key: Any) -> Any:
    try:
        return whole[key]
    except (KeyError, IndexError, TypeError) as error:
        raise Failed(f"no {key} in {whole!r}") from error


def _logic(node: Node, names: Mapping[str, Any]) -> bool:
    """Or, and: a side that decides makes up for another that fails, in either order."""
    decides = node[1] == "||"
    failed: Failed | None = None
    for side in node[2:]:
        try:
            if bool(_value(side, names)) is decides:
                return decides
        except Failed as error:
            failed = error
    if failed:
        raise failed
    return not decides


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: int(a / b),
    "%": lambda a, b: a % b,
    "in": lambda a, b: a in b,
}


def _binary(node: Node, names: Mapping[str, Any]) -> Any:
    left, right = _value(node[2], names), _value(node[3], names)
    try:
        return _OPERATORS[node[1]](left, right)
    except (TypeError, ZeroDivisionError) as error:
        raise Failed(f"{left!r} {node[1]} {right!r}") from error


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "size": len,
    "string": lambda value: str(value).lower() if isinstance(value, bool) else str(value),
    "int": int,
    "matches": lambda text, pattern: matches(pattern, text),
    "startsWith": lambda text, start: text.startswith(start),
    "endsWith": lambda text, end: text.endswith(end),
    "contains": lambda text, part: part in text,
    "upperAscii": lambda text: "".join(each.upper() if each.isascii() else each for each in text),
    "lowerAscii": lambda text: "".join(each.lower() if each.isascii() else each for each in text),
    "trim": lambda text: text.strip(),
    "split": lambda text, separator: text.split(separator),
    "join": lambda parts, separator="": separator.join(parts),
    "replace": lambda text, old, new: text.replace(old, new),
    "indexOf": lambda text, part: text.find(part),
    "isSorted": lambda values: values == sorted(values),
}


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of RE2 is found in a text. There, $ is the very end; here it also is before a last newline."""
    return _compiled(pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))


def _call(node: Node, names: Mapping[str, Any]) -> Any:
    _, target, name, arguments = node
    if name == "has" and target is None:
        return _has(arguments[0], names)
    if name in _MACROS and target is not None:
        return _macro(name, _value(target, names), arguments, names)
    if name not in _FUNCTIONS:
        raise NotUnderstood(f"the function {name}")
    values = [_value(each, names) for each in ([target] if target is not None else []) + arguments]
    try:
        return _FUNCTIONS[name](*values)
    except (TypeError, ValueError, AttributeError) as error:
        raise Failed(f"{name}{values}") from error


def _has(node: Node, names: Mapping[str, Any]) -> bool:
    if node[0] != "select":
        raise NotUnderstood("has() of something that is no field")
    whole = _value(node[1], names)
    return isinstance(whole, Mapping) and node[2] in whole


def _macro(name: str, whole: Any, arguments: list[Node], names: Mapping[str, Any]) -> bool:
    (_, variable), test = arguments
    held = [bool(_value(test, {**names, variable: each})) for each in whole]
    if name == "all":
        return all(held)
    return any(held) if name == "exists" else held.count(True) == 1


_KINDS: dict[str, Callable[[Node, Mapping[str, Any]], Any]] = {
    "constant": lambda node, _: node[1],
    "name": _name,
    "list": lambda node, names: [_value(each, names) for each in node[1]],
    "if": lambda node, names: _value(node[2] if _value(node[1], names) else node[3], names),
    "unary": _unary,
    "binary": lambda node, names: (_logic if node[1] in ("||", "&&") else _binary)(node, names),
    "select": lambda node, names: _part(_value(node[1], names), node[2]),
    "index": lambda node, names: _part(_value(node[1], names), _value(node[2], names)),
    "call": _call,
}
