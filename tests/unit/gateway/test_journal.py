"""From lines of Envoy's log to records."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.api import record as records
from paceline.api.record import Outcome, Record
from paceline.gateway.journal import Journal, State, dump, load
from paceline.gateway.lines import Line, parse
from paceline.gateway.outcomes import of_request
from tests.support.lines import GATE, SHOWN, kept, shown

LINES = {name: [parse(text)[0] for text in texts] for name, texts in kept().items()}


def read(lines: Iterable[Line], journal: Journal | None = None) -> list[Record]:
    journal = journal or Journal(GATE)
    return [record for line in lines for record in journal.read(line)]


def moved(lines: list[Line], seconds: int, key: str) -> list[Line]:
    """The same, some seconds later and of another request."""
    return [
        replace(
            each,
            id=key,
            started=f"{int(each.started[:10]) + seconds}{each.started[10:]}",
            emitted=f"{int(each.emitted[:10]) + seconds}{each.emitted[10:]}",
        )
        for each in lines
    ]


def passing(journal: Journal, seconds: int, after: int) -> list[Record]:
    """Another request ends in each of some seconds."""
    last = LINES["wrong-key"]
    return read([line for number in range(seconds) for line in moved(last, after + number, f"p{number}")], journal)


@pytest.mark.parametrize("case", SHOWN)
def test_each_way_to_end_gives_its_records(case: str) -> None:
    found = read(LINES[case])
    assert [shown(each) for each in found] == SHOWN[case]
    assert [each.id for each in found] == [f"{LINES[case][0].id}.{each.attempt}" for each in found]
    for each in found:
        assert records.parse(records.write(each)) == each


def test_a_record_has_all_that_the_lines_say() -> None:
    lines = LINES["fallback-500"]
    failed, answered = read(lines)
    assert (failed.consumer, failed.team, failed.route) == ("ns/acme", "shop", "fallback")
    assert (failed.model, failed.deployment, failed.revision) == ("engine-a", "ml/a", "a-1")
    assert (answered.model, answered.deployment, answered.request_class) == ("engine-b", "", "other")
    assert failed.started_us == answered.started_us == lines[-1].started_us
    assert failed.ttft_us is None
    assert answered.ttft_us is not None
    assert failed.duration_us < answered.ttft_us <= answered.last_us <= answered.duration_us  # type: ignore[operator]
    assert not answered.streamed


@pytest.mark.parametrize(("said", "media"), [(3, 3), (-1, 0), ("x", 0), (10**12, 100_000_000)])
def test_media_of_the_request_are_in_its_records(said: object, media: int) -> None:
    begun, end = LINES["whole"]
    request = json.dumps(json.loads(end.request) | {"media": said})
    assert [each.media for each in read([begun, replace(end, request=request)])] == [media]


def test_objectives_and_classes_travel_with_it() -> None:
    begun, end = LINES["whole"]
    target = json.dumps({"class": "order-status", "ttft": 500, "tpot": 0})
    (found,) = read([begun, replace(end, target=target)])
    assert (found.request_class, found.ttft_target_us, found.tpot_target_us) == ("order-status", 500_000, None)


def test_where_no_route_tells_classes_apart_the_consumer_s_own_counts() -> None:
    gate = replace(GATE, classes={"external.ab12cd34": "order-status"})
    begun, end = LINES["whole"]
    assert [each.request_class for each in read([begun, end], Journal(gate))] == ["order-status"]
    target = json.dumps({"class": "refund"})
    assert [each.request_class for each in read([replace(end, target=target)], Journal(gate))] == ["refund"]
    assert [each.request_class for each in read(LINES["wrong-key"], Journal(gate))] == ["other"]
    said = json.dumps(json.loads(end.request) | {"class": "orders", "conversation": "thread-7"})
    (found,) = read([replace(end, request=said)], Journal(gate))
    assert (found.request_class, found.conversation) == ("orders", "thread-7")
    assert [each.request_class for each in read([replace(end, request=said, target=target)], Journal(gate))] == [
        "refund"
    ]


def test_an_attempt_is_superseded_by_a_later_one_on_the_same_revision_only() -> None:
    assert [each.superseded for each in read(LINES["all-500"])] == [True, True, False]
    assert [each.superseded for each in read(LINES["fallback-500"])] == [False, False]


def test_a_revision_answers_for_itself_under_two_names_of_a_route() -> None:
    renamed = [
        replace(each, backend=each.backend.replace('"main"', '"spare"')) if number >= 2 else each
        for number, each in enumerate(LINES["all-500"])
    ]
    found = read(renamed)
    assert [(each.backend, each.superseded) for each in found] == [("main", True), ("spare", True), ("spare", False)]


@pytest.mark.parametrize(
    ("asked", "output", "complete"),
    [
        ({"bound": 5, "n": 2}, 10, False),
        ({"bound": 50, "n": 2}, 99, True),
        ({"bound": 0, "n": 1}, 99, True),
        ({"bound": "5", "n": 1}, 99, True),
        ({"bound": 5}, 99, True),
    ],
)
def test_no_server_makes_more_tokens_than_it_was_allowed(asked: Any, output: int, complete: bool) -> None:
    usage = json.dumps({"prompt_tokens": 12, "completion_tokens": 99})
    begun, end = LINES["whole"]
    (found,) = read([begun, replace(end, usage=usage, request=json.dumps(asked))])
    assert (found.output_tokens, found.usage_complete) == (output, complete)


def test_callers_without_a_key_are_no_consumer() -> None:
    (found,) = read([replace(each, request=each.request.replace("ns.acme", "ns._anybody")) for each in LINES["whole"]])
    assert (found.consumer, found.team) == ("", "")


def test_copies_leave_no_record_even_when_they_come_first_or_last() -> None:
    copies = [each for each in LINES["copied"] if each.cluster == "copy_mirror"]
    others = [each for each in LINES["copied"] if each.cluster != "copy_mirror"]
    assert copies
    journal = Journal(GATE)
    assert len(read([*copies, *others, *copies], journal)) == 1
    assert not journal.state.open


def test_the_end_of_an_attempt_behind_the_request_s_own_is_no_request() -> None:
    assert [each.type for each in LINES["left-early"]][-2:] == ["DownstreamEnd", "UpstreamEnd"]
    journal = Journal(GATE)
    assert len(read(LINES["left-early"], journal)) == 1
    assert not journal.state.open


def test_an_attempt_of_which_no_line_came_has_its_record_all_the_same() -> None:
    found = read(LINES["all-500"][-1:])
    assert [(each.attempt, each.attempts, each.outcome, each.status) for each in found] == [
        (1, 3, Outcome.FAILED, 0),
        (2, 3, Outcome.FAILED, 0),
        (3, 3, Outcome.FAILED, 500),
    ]


def test_a_line_that_says_what_is_known_already_changes_nothing() -> None:
    lines = LINES["all-500"]
    assert read([*lines[:2], lines[0], *lines[2:]]) == read(lines)


def test_a_count_that_cannot_be_is_bounded() -> None:
    assert len(read([replace(LINES["whole"][1], attempts=2**50)])) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"request": "no JSON", "target": "[1]", "backend": "{" * 3000},
        {"request": '{"client":7,"model":["x"]}', "target": '{"ttft":"soon","class":1}', "backend": '{"backend":{}}'},
        {"request": '{"client":"a.b.c.d","model":"\\u0000x\\ud800"}'},
        {"request": '{"client":"' + "a." * 300 + '","model":"' + "m" * 9999 + '"}'},
        {"emitted": "1.000000", "duration_us": None},
        {"first_byte_us": 2**53, "last_byte_us": 1, "duration_us": 2**53},
        {"code": 0},
    ],
)
def test_nonsense_in_a_line_never_makes_a_record_that_cannot_be_read(change: dict[str, Any]) -> None:
    for each in read([replace(line, **change) for line in LINES["whole"] if not line.of_attempt]):
        assert records.parse(records.write(each)) == each


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"code": 503, "details": "overload"}, Outcome.SHED),
        ({"code": 429, "refusal": "queue_timeout"}, Outcome.SHED),
        ({"code": 429, "refusal": "insufficient_quota"}, Outcome.REFUSED),
        ({"code": 429, "details": "local_rate_limited"}, Outcome.REFUSED),
        ({"code": 0}, Outcome.FAILED),
        ({"code": 0, "flags": "DR"}, Outcome.ABORTED),
        ({"code": 200, "flags": "UC,DC"}, Outcome.ABORTED),
    ],
)
def test_what_the_gateway_says_by_itself_has_its_outcome(change: dict[str, Any], outcome: Outcome) -> None:
    assert of_request(replace(LINES["denied"][0], **change)) is outcome


class TestKilled:
    """Envoy is killed: no last line comes."""

    BEGUN = LINES["fallback-500"][:3]
    DURING = replace(LINES["stream"][-1], type="DownstreamPeriodic", last_byte_us=None, duration_us=None)

    def test_a_request_is_interrupted_once_another_proxy_runs(self) -> None:
        journal = Journal(GATE)
        assert read([LINES["stream"][0], self.DURING], journal) == []
        assert journal.interrupted(self.DURING.emitted_us) == []
        (found,) = journal.interrupted(self.DURING.emitted_us + 1)
        assert (found.outcome, found.attempt, found.attempts, found.output_tokens) == (Outcome.INTERRUPTED, 1, 1, 3)
        assert (found.consumer, found.route, found.backend) == ("ns/acme", "public-a", "main")
        assert not found.usage_complete
        assert found.last_us == found.duration_us
        assert journal.interrupted(2**62) == []

    def test_what_went_before_is_recorded_too(self) -> None:
        journal = Journal(GATE)
        read(self.BEGUN, journal)
        first, second = journal.interrupted(2**62)
        assert (first.outcome, first.backend, first.attempts) == (Outcome.FAILED, "main", 2)
        assert (second.outcome, second.backend, second.attempt) == (Outcome.INTERRUPTED, "other", 2)
        assert first.route == second.route == "fallback"
        assert first.id.removesuffix(".1") == second.id.removesuffix(".2") == self.BEGUN[0].id

    def test_the_client_is_known_where_any_line_had_it(self) -> None:
        journal = Journal(GATE)
        read([replace(self.BEGUN[0], client="external.ab12cd34.ns.acme"), *self.BEGUN[1:]], journal)
        assert {each.consumer for each in journal.interrupted(2**62)} == {"ns/acme"}

    def test_one_that_waited_for_admission_was_never_sent(self) -> None:
        journal = Journal(GATE)
        read([replace(LINES["denied"][0], type="DownstreamPeriodic", code=0)], journal)
        (found,) = journal.interrupted(2**62)
        assert (found.outcome, found.attempt, found.attempts, found.backend) == (Outcome.INTERRUPTED, 0, 0, "")

    def test_one_of_which_nothing_is_written_for_two_minutes_is_lost(self) -> None:
        journal = Journal(GATE)
        read([LINES["stream"][0], self.DURING], journal)
        assert len(passing(journal, 119, 60)) == 119
        assert [each.outcome for each in passing(journal, 1, 300)] == [Outcome.INTERRUPTED, Outcome.REFUSED]

    def test_a_proxy_that_stood_still_for_a_day_has_lost_nobody(self) -> None:
        journal = Journal(GATE)
        read([LINES["stream"][0], self.DURING], journal)
        assert len(passing(journal, 1, 86_400)) == 1
        (found,) = read(moved(LINES["stream"], 86_400, self.DURING.id)[-1:], journal)
        assert found.outcome is Outcome.COMPLETED

    def test_an_end_that_comes_after_all_changes_no_record(self) -> None:
        journal = Journal(GATE)
        read([LINES["stream"][0], self.DURING], journal)
        journal.interrupted(2**62)
        assert read(LINES["stream"][-1:], journal) == []

    def test_a_clock_that_is_set_back_stops_neither_the_forgetting_nor_the_search(self) -> None:
        journal = Journal(GATE)
        read([LINES["stream"][0], self.DURING], journal)
        assert len(passing(journal, 121, -3600)) == 122
        assert len(journal.state.over) < 10

    def test_lines_that_overtook_each_other_are_no_time_that_passes(self) -> None:
        journal = Journal(GATE)
        read(LINES["whole"], journal)
        before = journal.state.beat
        read(moved(LINES["wrong-key"], 10, "a") + moved(LINES["wrong-key"], 9, "b") * 9, journal)
        assert journal.state.beat == before + 1

    def test_what_is_over_is_forgotten(self) -> None:
        journal = Journal(GATE)
        read(LINES["whole"], journal)
        assert journal.state.over
        passing(journal, 10, 60)
        assert LINES["whole"][0].id not in journal.state.over


class TestTheAdapter:
    """A request that the adapter asks for, once or more often."""

    @staticmethod
    def outer(**more: Any) -> list[Line]:
        return [replace(each, cluster="adapter", **more) for each in moved(LINES["whole"], 0, "r")]

    @staticmethod
    def asked(number: int, case: str = "whole") -> list[Line]:
        return moved(LINES[case], 0, f"r:{number}")

    def test_its_attempts_are_the_requests_own_and_its_hop_is_none(self) -> None:
        begun, end = self.outer()
        found = read([begun, *self.asked(1), *self.asked(2, "fallback-500"), end])
        assert [shown(each) for each in found] == [
            (1, 3, "Completed", 200, "main", True, 12, 3, True),
            (2, 3, "Failed", 500, "main", False, 0, 0, False),
            (3, 3, "Completed", 200, "other", False, 12, 3, True),
        ]
        assert [(each.id, each.request_id) for each in found] == [(f"r.{number}", "r") for number in (1, 2, 3)]
        assert [each.last for each in found] == [False, False, True]
        assert {each.consumer for each in found} == {"ns/acme"}

    def test_nothing_is_recorded_before_the_client_has_its_answer(self) -> None:
        begun, end = self.outer()
        journal = Journal(GATE)
        assert read([begun, *self.asked(1), *self.asked(2)], journal) == []
        assert len(read([end], Journal(GATE, load(dump(journal.state))))) == 2

    @pytest.mark.parametrize("order", [0, 1])
    def test_what_its_requests_used_counts_also_where_the_client_left_first(self, order: int) -> None:
        begun, end = self.outer(flags="DC", details="downstream_remote_disconnect")
        first, last = self.asked(1, "left")[:-1], self.asked(1, "left")[-1]
        journal = Journal(GATE)
        ends = [end, last] if order else [last, end]
        assert read([begun, *first, *ends], journal) == []
        found = [each for each in passing(journal, 10, 60) if each.request_id == "r"]
        assert [shown(each) for each in found] == [(1, 1, "Aborted", 200, "main", False, 12, 3, False)]

    def test_what_it_refuses_by_itself_reached_nobody(self) -> None:
        begun, end = self.outer(code=503, usage="")
        (found,) = read([begun, end])
        assert (shown(found), found.ttft_us) == ((0, 0, "Failed", 503, "", False, 0, 0, False), None)

    def test_where_it_cannot_be_reached_the_record_waits_a_little(self) -> None:
        begun, end = self.outer(code=503, usage="", details="upstream_reset_before_response_started")
        journal = Journal(GATE)
        assert read([begun, end], journal) == []
        found = [each for each in passing(journal, 10, 60) if each.request_id == "r"]
        assert [shown(each) for each in found] == [(0, 0, "Failed", 503, "", False, 0, 0, False)]

    def test_what_was_refused_before_it_is_recorded_at_once(self) -> None:
        (end,) = [replace(each, cluster="adapter") for each in moved(LINES["denied"], 0, "r")]
        assert [shown(each) for each in read([end])] == SHOWN["denied"]

    def test_a_killed_proxy_leaves_what_was_known(self) -> None:
        begun, _ = self.outer()
        journal = Journal(GATE)
        read([begun, *self.asked(1), self.asked(2)[0]], journal)
        found = journal.interrupted(2**62)
        assert [(each.attempt, each.outcome.value, each.input_tokens) for each in found] == [
            (1, "Completed", 12),
            (2, "Interrupted", 0),
        ]

    def test_of_one_of_which_nothing_but_a_request_without_an_attempt_is_known_there_is_no_record(self) -> None:
        (line,) = self.asked(1, "wrong-key")
        journal = Journal(GATE)
        read([replace(line, type="DownstreamPeriodic", code=0)], journal)
        assert journal.interrupted(2**62) == []

    def test_of_one_that_was_killed_before_it_asked_there_is_no_attempt(self) -> None:
        begun, _ = self.outer()
        journal = Journal(GATE)
        read([begun], journal)
        assert [each.attempt for each in journal.interrupted(2**62)] == [0]


CASES = st.lists(st.sampled_from(sorted(SHOWN)), min_size=1, max_size=8)


@settings(deadline=None)
@given(CASES, st.randoms(use_true_random=False), st.integers(0, 40))
def test_any_interleaving_of_requests_and_any_stop_give_the_same_records(
    cases: list[str], chance: random.Random, stop: int
) -> None:
    each = [moved(LINES[case], 0, f"r{number}") for number, case in enumerate(cases)]
    wanted = {record.id: record for lines in each for record in read(lines)}
    queues = [list(lines) for lines in each]
    mixed = []
    while queues := [queue for queue in queues if queue]:
        mixed.append(chance.choice(queues).pop(0))
    journal = Journal(GATE)
    found = read(mixed[:stop], journal)
    found += read(mixed[stop:], Journal(GATE, load(dump(journal.state))))
    assert len(found) == len(wanted)
    assert {one.id: one for one in found} == wanted


def test_a_state_that_is_none_is_refused_without_its_content() -> None:
    assert load(dump(State())) == State()
    with pytest.raises(ValueError, match="cannot be read") as wrong:
        load('{"open": {"secret": 1}}')
    assert "secret" not in str(wrong.value)
