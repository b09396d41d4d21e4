"""What the examiner reads of calls and watch events, and what a lens does to them."""

from __future__ import annotations

import json

import pytest

from tests.examiner.journal import Journal, name_of, read
from tests.examiner.lens import Lens, sort_of
from tests.faultproxy.calls import Call

PODS = Call.parse("GET", "/api/v1/namespaces/ml/pods", {"watch": "true"})


def call(method="PATCH", path="/api/v1/namespaces/ml/services/chat-1", status=200):
    made = Call.parse(method, path, {})
    made.status = status
    return made


def body(version=None, **rest):
    metadata = {} if version is None else {"resourceVersion": version}
    return json.dumps({"metadata": metadata, **rest}).encode()


@pytest.mark.parametrize(
    ("sent", "came", "status", "effective"),
    [
        (body("5"), body("6"), 200, True),
        (body("5"), body("5"), 200, False),
        (body(), body("6"), 201, True),
        (body("5"), b"{}", 409, False),
        (body("5"), b"no JSON", 500, False),
    ],
)
def test_a_write_is_effective_where_it_changed_its_object(sent, came, status, effective):
    assert read(call(status=status), sent, came).effective is effective


def test_a_delete_is_guarded_by_a_uid():
    path = "/api/v1/namespaces/ml/services/chat-1"
    assert not read(call("DELETE", path), b"{}", b"{}").guarded
    assert read(call("DELETE", path), body(preconditions={"uid": "u"}), b"{}").guarded


def test_a_status_has_a_name_of_its_own():
    path = "/apis/paceline.dev/v1alpha1/namespaces/ml/modeldeployments/chat/status"
    assert name_of(call(path=path)) == "patch.modeldeployments/status"


def test_a_journal_keeps_writes_and_looks_but_neither_the_lease_nor_events_nor_what_was_before():
    journal = Journal()
    journal.take(call(), body("5"), body("6"))
    before = call()
    journal.begin()
    lease = "/apis/coordination.k8s.io/v1/namespaces/ml/leases/x"
    for one in (
        before,
        call(),
        call("GET"),
        call("GET", lease),
        call("PUT", lease),
        call("POST", "/api/v1/namespaces/ml/events"),
    ):
        journal.take(one, body("5"), body("6"))
    assert [write.what for write in journal.writes] == ["patch.services"]
    assert journal.looks == ["get.services"]


def frame(type_="MODIFIED", version=7, **rest):
    return (
        json.dumps({"type": type_, "object": {"metadata": {"resourceVersion": str(version)}, **rest}}).encode() + b"\n"
    )


async def shown(lens, *lines, of=PODS):
    return b"".join([await lens(of, line) for line in lines])


async def test_before_it_begins_a_lens_shows_and_counts_nothing_special():
    lens = Lens("hide", "pods", 1)
    assert await shown(lens, frame()) == frame()
    assert not lens.seen


@pytest.mark.parametrize(("trouble", "copies"), [("hide", 0), ("twice", 2)])
async def test_one_event_of_one_kind_is_hidden_or_told_twice(trouble, copies):
    lens = Lens(trouble, "pods", 2)
    lens.begin()
    other = Call.parse("GET", "/apis/apps/v1/namespaces/ml/deployments", {"watch": "true"})
    assert await shown(lens, frame(), frame(), of=other) == 2 * frame()
    assert await shown(lens, frame(version=1), frame(version=2), frame(version=3)) == (
        frame(version=1) + copies * frame(version=2) + frame(version=3)
    )
    assert lens.struck


async def test_bookmarks_and_errors_are_no_events():
    lens = Lens("hide", "pods", 1)
    lens.begin()
    assert await shown(lens, frame("BOOKMARK"), frame("ERROR")) == frame("BOOKMARK") + frame("ERROR")


async def test_a_kind_that_stands_still_shows_its_events_later_and_the_trouble_acts_at_once():
    acts = []
    lens = Lens("freeze", "pods", 1, seconds=0.05, act=lambda: acts.append(lens.lasts))
    lens.begin()
    assert await shown(lens, frame(version=7)) == frame(version=7)
    assert acts == [True]
    assert not lens.lasts
    assert lens.version == "6"


def test_pods_that_differ_in_their_names_alone_are_of_one_sort():
    def pod(name, phase):
        return {"type": "ADDED", "object": {"metadata": {"name": name}, "status": {"phase": phase}}}

    assert sort_of("pods", pod("a", "Pending")) == sort_of("pods", pod("b", "Pending"))
    assert sort_of("pods", pod("a", "Pending")) != sort_of("pods", pod("a", "Running"))


def test_a_status_that_says_something_else_is_of_another_sort():
    def model(reason):
        told = {"conditions": [{"type": "Ready", "status": "False", "reason": reason}]}
        return {"type": "MODIFIED", "object": {"metadata": {"generation": 1}, "status": told}}

    assert sort_of("modeldeployments", model("A")) != sort_of("modeldeployments", model("B"))
