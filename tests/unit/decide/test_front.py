"""Which Gateway's address clients are told."""

from __future__ import annotations

import pytest

from paceline.decide.front import Door, address

OLD, NEW = "http://a-gateway.ml.svc:8080/v1", "http://b-gateway.ml.svc:8080/v1"


@pytest.mark.parametrize(
    ("doors", "before", "told"),
    [
        ([], "", ""),
        ([], OLD, ""),
        ([Door(OLD, reached=False)], "", ""),
        ([Door(OLD, reached=False), Door(NEW, reached=True)], "", NEW),
        ([Door(OLD, reached=True), Door(NEW, reached=True)], "", OLD),
        ([Door(OLD, reached=True), Door(NEW, reached=True)], NEW, NEW),
        ([Door(OLD, reached=False)], OLD, OLD),
        ([Door(OLD, reached=True)], "http://evil.example.com/v1", OLD),
    ],
)
def test_it_is_one_that_serves_and_stays_as_long_as_its_gateway_leads_here(
    doors: list[Door], before: str, told: str
) -> None:
    assert address(doors, before) == told
