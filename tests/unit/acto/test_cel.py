"""The part of CEL by which verdicts are found: as the API server reads it."""

from __future__ import annotations

import pytest

from tests.acto import cel, crd


@pytest.mark.parametrize(("path", "rule"), crd.rules(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_rule_of_the_crd_is_understood(path, rule):
    for part in ("rule", "messageExpression"):
        if part in rule:
            assert cel.parse(rule[part]), path


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("self == 1", 1, True),
        ("self.a + self.b > 0", {"a": 0, "b": 0}, False),
        ("!has(self.a) || self.a == 'x'", {}, True),
        ("has(self.a) == (self.type == 'A')", {"type": "A"}, False),
        ("self.a == 'x' || true", {}, True),
        ("self.a == 'x' && false", {}, False),
        ("self.all(key, key.contains('/') && !key.matches('(^|[.])k8s[.]io/'))", {"a.k8s.io/b": 1}, False),
        ("self.all(key, key in ['cpu', 'memory'])", {"cpu": 1}, True),
        ("self.exists(each, each.size() > 2)", ["a", "bcd"], True),
        ("self.exists_one(each, each == 'a')", ["a", "a"], False),
        ("(self.startsWith('sim://') ? 'S' : 'C')", "sim://x", "S"),
        ("'is ' + self + '; use \\'b\\''", "a", "is a; use 'b'"),
        ("!self.upperAscii().matches('^A$')", "a", False),
        ("size(self) <= 2 && self[0] == 'a'", ["a"], True),
        ("1 + 2 * 3 == 7", None, True),
        ("-1 < 0", None, True),
    ],
)
def test_an_expression_has_the_value_that_kubernetes_gives_it(expression, value, expected):
    assert cel.evaluate(expression, value) == expected


def test_the_end_of_a_pattern_is_the_end_of_the_text_and_not_a_last_newline():
    assert cel.matches("^a$", "a")
    assert not cel.matches("^a$", "a\n")
    assert cel.matches(r"^a\$$", "a$")


def test_a_missing_field_has_no_value():
    with pytest.raises(cel.Failed):
        cel.evaluate("self.a == 1", {})


@pytest.mark.parametrize("expression", ["quantity(self).isGreaterThan(1)", "self.a ==", "self #", "other == 1"])
def test_what_is_not_spoken_here_is_said(expression):
    with pytest.raises(cel.NotUnderstood):
        cel.evaluate(expression, "1")
