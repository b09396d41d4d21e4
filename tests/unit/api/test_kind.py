"""What all kinds share: who an object is, and which of two is older."""

from __future__ import annotations

from datetime import UTC, datetime

from paceline.api.kind import identity
from tests.support.models import model


def test_an_object_says_who_it_is():
    created = {"creationTimestamp": "2026-11-24T12:00:00Z"}
    metadata = {"namespace": "models", "name": "chat", "uid": "0b1c", "generation": 3, **created}
    assert identity({"metadata": metadata}) == ("models", "chat", "0b1c", 3, datetime(2026, 11, 24, 12, tzinfo=UTC))


def test_the_older_object_comes_first_then_the_one_whose_name_does():
    old = model(name="z", creationTimestamp="2026-11-24T12:00:00Z")
    new = model(name="a", creationTimestamp="2026-11-24T12:00:01Z")
    also_new = model(name="b", creationTimestamp="2026-11-24T12:00:01Z")
    of_no_time = model(name="a", creationTimestamp="yesterday")
    every = [of_no_time, also_new, new, old]
    assert sorted(every, key=lambda each: each.seniority) == [old, new, also_new, of_no_time]
