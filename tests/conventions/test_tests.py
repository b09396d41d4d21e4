"""Tests about tests: each can fail, none waits for a fixed time, none is skipped in silence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.tree import functions, python, relative, syntax

CHECKS = re.compile(r"(assert|check|expect|verify|must|wait|eventually|compare|golden|run_)")


def can_fail(test: ast.AST, helpers: frozenset[str] = frozenset()) -> bool:
    """Does it assert, expect an exception, have a deadline, or call a helper that does or whose name says so?"""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            if name in {"raises", "warns", "fail", "timeout", "validate"} | helpers or CHECKS.match(name.lower()):
                return True
    return False


def helpers_of(path: Path) -> frozenset[str]:
    """Functions of a file, or of tests/support, that can fail and are no tests."""
    every = [each for file in (path, *python("tests/support/")) for each in functions(file)]
    return frozenset(each.name for each in every if not each.name.startswith("test_") and can_fail(each))


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in python("tests/"):
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call):
                yield f"{relative(path)}:{node.lineno}", node


def every_test() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in python("tests/"):
        for function in functions(path):
            if path.name.startswith("test_") and function.name.startswith("test_"):
                yield path, function


def test_every_test_can_fail() -> None:
    idle = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path, function in every_test()
        if not can_fail(function) and not can_fail(function, helpers_of(path))
    ]
    assert not idle


def test_no_two_tests_of_a_file_have_the_same_name() -> None:
    seen: set[tuple[str, str]] = set()
    twice = []
    for path, function in every_test():
        key = (relative(path), function.name)
        twice += [key] if key in seen else []
        seen.add(key)
    assert not twice


def fixed_sleeps(tree: ast.AST) -> Iterator[int]:
    """Lines that sleep outside of a `while`: within one it is the pause between two looks."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.While):
            continue
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            constant = bool(node.args) and isinstance(node.args[0], ast.Constant) and bool(node.args[0].value)
            if name == "time.sleep" or (name == "asyncio.sleep" and constant):
                yield node.lineno
        yield from fixed_sleeps(node)


def test_no_test_sleeps_for_a_fixed_time() -> None:
    """A wait polls with a deadline (tests/support/waiting.py). Benchmarks may: the time is what they measure."""
    fixed = [
        f"{relative(path)}:{line}"
        for path in python("tests/")
        if not relative(path).startswith("tests/bench/")
        for line in fixed_sleeps(syntax(path))
    ]
    assert not fixed


def test_a_skipped_test_says_why_and_none_is_expected_to_fail() -> None:
    silent = [
        where
        for where, call in calls()
        if ast.unparse(call.func).endswith((".skip", ".skipif")) and not any(k.arg == "reason" for k in call.keywords)
        if not (call.args and ast.unparse(call.func).endswith(".skip"))
    ]
    assert not silent
    assert not [where for where, call in calls() if ast.unparse(call.func).endswith("xfail")]


def test_nothing_swallows_every_exception_in_silence() -> None:
    swallowed = []
    for path in python("operator/", "tests/", "loadtests/", "charts/"):
        for node in ast.walk(syntax(path)):
            if not isinstance(node, ast.ExceptHandler) or not all(isinstance(each, ast.Pass) for each in node.body):
                continue
            if node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}:
                swallowed.append(f"{relative(path)}:{node.lineno}")
    assert not swallowed


def test_the_package_has_no_bare_assert() -> None:
    """`python -O` takes asserts away, so nothing may depend on them."""
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in python("operator/")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found
