"""What is known of a model's sources."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from paceline.api.resolved import Resolved
from paceline.decide.observation import FetchView
from paceline.decide.sources import described, failure, look_up, said_before
from paceline.errors import Pending, Stalled, Waiting
from paceline.render import asked
from tests.support import models

MD = models.model({"model": {"uri": "hf://acme/model"}})
REQUEST = asked(MD)


def report(*, failed: tuple[str, str, bool] | None = None, **found: object) -> str:
    if failed:
        return json.dumps({"failure": dict(zip(("reason", "message", "retry"), failed, strict=True))})
    one = models.resolved(**found).model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps({"found": {"base": one}})


def pod(name: str, said: str = "", phase: str = "Running", **fields: str) -> FetchView:
    created = f"2026-11-24T12:00:0{name[-1]}Z"
    return replace(FetchView(name, REQUEST, created, phase, said), **fields)


def test_before_there_is_a_pod_it_is_pending():
    found = look_up(REQUEST, (), ())
    assert found.found is None
    assert isinstance(found.problem, Pending)
    assert "has no pod yet" in found.problem.message


def test_a_pod_that_runs_is_named_with_what_it_waits_for():
    problem = look_up(REQUEST, (), [pod("p1", trouble="ImagePullBackOff: no such image")]).problem
    assert isinstance(problem, Pending)
    assert "Pod p1" in problem.message
    assert "no such image" in problem.message


def test_what_a_pod_found_is_found():
    found = look_up(REQUEST, (), [pod("p1", report(commit="abc"), "Succeeded")])
    assert found.found is not None
    assert found.found["base"].commit == "abc"


def test_an_answer_stays_though_a_later_pod_fails():
    pods = [pod("p1", report(), "Succeeded"), pod("p2", report(failed=("SourceNotFound", "gone", False)), "Failed")]
    assert look_up(REQUEST, (), pods).found is not None


def test_pods_that_were_asked_something_else_do_not_count():
    other = pod("p1", report(), "Succeeded", request="other")
    assert look_up(REQUEST, (), [other]).found is None


def test_a_revision_that_knows_is_believed_without_a_pod():
    assert look_up(REQUEST, [models.revision(MD)], ()).found is not None


def test_the_revision_in_force_is_believed_before_older_ones():
    old = models.revision(MD, number=1)
    newer = replace(old, number=2, text=old.text.replace(models.COMMIT.encode(), b"c" * 40))
    found = look_up(REQUEST, [newer, old], ()).found
    assert found is not None
    assert found["base"].commit == "c" * 40


@pytest.mark.parametrize(("retry", "kind"), [(True, Waiting), (False, Stalled)])
def test_a_failure_says_whether_to_wait(retry, kind):
    said = report(failed=("SourceUnauthorized", "the token is refused", retry))
    problem = look_up(REQUEST, (), [pod("p1", said, "Failed")]).problem
    assert type(problem) is kind
    assert (problem.reason, problem.message) == ("SourceUnauthorized", "the token is refused")


def test_the_last_pods_words_count():
    first, last = (report(failed=("SourceUnreachable", words, True)) for words in ("first", "last"))
    problem = look_up(REQUEST, (), [pod("p2", last, "Failed"), pod("p1", first, "Failed")]).problem
    assert problem is not None
    assert problem.message == "last"


def test_a_reason_of_another_release_is_shown_as_a_failed_fetch():
    said = report(failed=("FromTheFuture", "words", True))
    problem = look_up(REQUEST, (), [pod("p1", said, "Failed")]).problem
    assert problem is not None
    assert problem.reason == "FetchFailed"


@pytest.mark.parametrize("said", ["", "Killed", "{", '{"found": 3}'])
def test_a_pod_that_fails_without_a_report_is_shown_and_tried_again(said):
    problem = look_up(REQUEST, (), [pod("p1", said, "Failed", trouble="exit code 137 (OOMKilled)")]).problem
    assert isinstance(problem, Waiting)
    assert problem.reason == "FetchFailed"
    assert (said or "OOMKilled") in problem.message


def test_a_pod_that_ends_well_without_a_report_does_not_stay_under_way():
    problem = look_up(REQUEST, (), [pod("p1", "", "Succeeded")]).problem
    assert isinstance(problem, Waiting)
    assert problem.reason == "FetchFailed"


def test_a_chat_template_that_differs_is_refused_with_the_difference():
    said = report(chatTemplateDifference="line 3: bos_token against eos_token")
    problem = look_up(REQUEST, (), [pod("p1", said, "Succeeded")]).problem
    assert isinstance(problem, Stalled)
    assert problem.reason == "ChatTemplateDiffers"
    assert "line 3: bos_token against eos_token" in problem.message


def test_what_is_served_is_said_with_commit_size_and_type():
    words = described(
        {"base": models.resolved(commit="abc"), "adapter-a": Resolved(commit="d", bytes=1, weight_bytes=1)}
    )
    assert words.startswith("base is abc: 14.2 GiB, 7.62B parameters in BF16; adapter-a is d: ")


def shown(kind: str, reason: str, message: str, generation: int = 3) -> dict:
    same = {"status": "False", "reason": reason, "observedGeneration": generation}
    return {
        "conditions": [
            {"type": "Ready", "message": f"{message} More.", **same},
            {"type": kind, "message": message, **same},
        ]
    }


@pytest.mark.parametrize(("kind", "reason"), [("ModelResolved", "SourceNotFound"), ("Fits", "DoesNotFit")])
def test_a_new_attempt_is_no_news_while_the_last_ones_problem_is_known(kind, reason):
    pending = Pending("Resolving", "Pod x looks.")
    md = models.model({"model": {"uri": "hf://acme/model"}}, shown(kind, reason, "It is gone."))
    held = said_before(md, pending)
    assert isinstance(held, Stalled)
    assert (held.reason, held.message) == (reason, "It is gone.")
    of_before = models.model({}, shown(kind, reason, "It is gone.", generation=2))
    assert said_before(of_before, pending) is pending, "another generation is another question"
    other = models.model({}, shown("Available", "NoCapacity", "0/1 nodes"))
    assert said_before(other, pending) is pending
    new = Stalled("SourceRefused", "10.0.0.1 is private")
    assert said_before(md, new) is new, "what is found out now counts"


def test_words_that_are_no_report_tell_of_no_failure():
    assert failure("Killed") is None
    assert failure(report()) is None
