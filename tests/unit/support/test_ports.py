"""Ports that tests give to programs."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

from tests.support.ports import free_port


def _several(_: int) -> list[int]:
    return [free_port() for _ in range(50)]


def test_nobody_is_given_a_port_that_somebody_else_was_given_a_moment_ago():
    with ProcessPoolExecutor(4) as others:
        given = [port for ports in others.map(_several, range(4)) for port in ports]
    assert len(set(given)) == 200
