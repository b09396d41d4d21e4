"""The chain before there are engines: what looks the model up, whether it fits, what brings its files into the pods."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from paceline.cli.chain import Link, State, View, chain
from tests.support.cli_objects import (
    NOW,
    cond,
    deployment,
    ended,
    endpoints,
    fetcher,
    first,
    init,
    job,
    link,
    model,
    pod,
    replicaset,
    service,
    waiting,
    warning,
)

ACCEPTED = cond("Accepted", "True", "Accepted", "the manifest is accepted")
RESOLVED = cond("ModelResolved", "True", "Resolved", "base is abc: 14.2 GiB")
FITS = cond("Fits", "True", "MemorySuffices", "14.2 GiB of weights")
RUNNING = {"state": {"running": {"startedAt": "2026-11-24T03:01:00Z"}}}


def looking(**changes: Any) -> View:
    """A new ModelDeployment whose model is being looked up."""
    asked = model(conditions=[ACCEPTED, cond("ModelResolved", "Unknown", "Resolving", "Pod x looks it up.")])
    del asked["status"]["effective"]
    return replace(View(model=asked, now=NOW, jobs=[job()], lookups=[fetcher(container=RUNNING)]), **changes)


def judged(*conditions: dict[str, Any]) -> View:
    asked = model(conditions=[ACCEPTED, *conditions])
    del asked["status"]["effective"]
    return View(model=asked, now=NOW)


def bringing(one: dict[str, Any], **changes: Any) -> View:
    """A ModelDeployment with a pod that fetches."""
    asked = model(conditions=[ACCEPTED, RESOLVED, FITS])
    whole = View(asked, NOW, deployment(), [replicaset()], [one], service=service(), slices=[endpoints(ready=False)])
    return replace(whole, **changes)


def report(reason: str, message: str) -> str:
    return json.dumps({"failure": {"reason": reason, "message": message, "retry": False}})


def test_a_model_that_is_looked_up_is_waited_for_and_nothing_after_it_is_reached() -> None:
    view = looking()
    assert (first(view).name, first(view).state) == ("source", State.WAITING)
    assert first(view).text == "pod hello-job-1 looks the model up for 40 s"
    assert "kubectl logs -n models hello-job-1 -f" in first(view).remedy
    later = [each.state for each in chain(view) if each.name not in {"spec", "accepted", "source"}]
    assert later == [State.NOT_REACHED] * 11


def test_the_pod_that_looks_up_is_not_taken_for_an_engine() -> None:
    assert link(looking(), "scheduled").state is State.NOT_REACHED


def test_a_job_that_is_not_made_leads_to_the_operator() -> None:
    found = first(looking(jobs=[], lookups=[]))
    assert (found.name, found.state) == ("source", State.WAITING)
    assert "has not made the Job" in found.text


def test_a_job_without_a_pod_is_waited_for_unless_its_pod_is_refused() -> None:
    assert first(looking(lookups=[])).text == "Job hello-job has no pod yet"
    refused = first(looking(lookups=[], events=[warning("hello-job", "forbidden: exceeded quota: pods")]))
    assert (refused.name, refused.state) == ("source", State.FAILED)
    assert refused.text == "Job hello-job cannot make its pod: forbidden: exceeded quota: pods"
    assert "ResourceQuota" in refused.remedy


def test_a_lookup_without_a_node_repeats_the_scheduler() -> None:
    stuck = fetcher(node=None, conditions=(cond("PodScheduled", "False", "Unschedulable", "0/1 nodes: too many"),))
    found = first(looking(lookups=[stuck]))
    assert (found.name, found.state) == ("source", State.FAILED)
    assert found.text == "pod hello-job-1, which looks the model up, found no node: 0/1 nodes: too many"


def test_a_lookup_without_its_image_leads_to_the_charts_value() -> None:
    found = first(looking(lookups=[fetcher(container=waiting("ErrImagePull", "no such image"))]))
    assert (found.name, found.state) == ("source", State.FAILED)
    assert "cannot get localhost/paceline:dev: ErrImagePull: no such image" in found.text
    assert "images.fetch" in found.remedy


def test_a_lookup_whose_volume_is_missing_tells_its_warning() -> None:
    events = [warning("hello-job-1", 'persistentvolumeclaim "models" not found')]
    found = first(looking(lookups=[fetcher(container=waiting("ContainerCreating"))], events=events))
    assert found.state is State.FAILED
    assert 'cannot be set up: persistentvolumeclaim "models" not found' in found.text


def test_a_lookup_that_is_being_set_up_is_waited_for() -> None:
    found = first(looking(lookups=[fetcher(container=waiting("ContainerCreating"))]))
    assert (found.state, found.text) == (
        State.WAITING,
        "pod hello-job-1 is to look the model up and does not run yet, for 100 s",
    )


def test_of_several_tries_the_newest_is_told() -> None:
    old = fetcher("hello-job-0", container=waiting("ErrImagePull", "old"))
    old["metadata"]["creationTimestamp"] = "2026-11-24T02:00:00Z"
    assert first(looking(lookups=[fetcher(container=RUNNING), old])).state is State.WAITING


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        pytest.param("SourceUnauthorized", "within about 11 minutes", id="a-person-must-act"),
        pytest.param("SourceUnreachable", "tried again by itself, later each time", id="passes"),
    ],
)
def test_a_source_that_cannot_be_used_says_why_and_how_to_try_at_once(reason: str, remedy: str) -> None:
    found = first(judged(cond("ModelResolved", "False", reason, "the Hub answers 401.")))
    assert (found.name, found.state) == ("source", State.FAILED)
    assert found.text == f"{reason}: the Hub answers 401."
    assert remedy in found.remedy
    selector = "paceline.dev/modeldeployment=hello,app.kubernetes.io/component=fetch"
    assert found.remedy.endswith(f"kubectl delete job -n models -l {selector}")


def test_a_model_that_does_not_fit_is_the_cause_and_no_deployment_is_missed() -> None:
    view = judged(RESOLVED, cond("Fits", "False", "DoesNotFit", "140 GiB too much. Raise hardware.count."))
    assert (first(view).name, first(view).state) == ("fits", State.FAILED)
    assert first(view).text == "DoesNotFit: 140 GiB too much. Raise hardware.count."
    assert link(view, "source").state is State.OK
    for name in ("deployment", "service"):
        assert link(view, name) == Link(name, State.NOT_REACHED, "not made before the model is known and fits"), (
            "nothing waits for the operator"
        )


def test_a_size_that_is_not_known_holds_and_says_that_it_is_tried() -> None:
    found = link(judged(RESOLVED, cond("Fits", "Unknown", "SizeUnknown", "no memoryGiB.")), "fits")
    assert (found.state, found.text) == (State.OK, "not known, so it is tried: no memoryGiB.")


def test_what_nobody_has_looked_at_is_not_judged() -> None:
    unseen = [cond(kind, "Unknown", "NotYetObserved") for kind in ("ModelResolved", "Fits")]
    assert {link(judged(*unseen), name).state for name in ("source", "fits")} == {State.NOT_REACHED}


def test_an_old_revision_that_serves_meanwhile_is_told_below_the_lookup() -> None:
    view = looking(deployment=deployment(), replicasets=[replicaset()], pods=[pod()], service=service())
    assert first(view).name == "source"
    assert link(view, "deployment").text == "hello-956be3dd wants 1 pod, of the revision before"
    assert link(view, "started").state is State.OK


def test_a_pod_that_fetches_is_waited_for_and_its_image_is_not_judged() -> None:
    view = bringing(init(pod(), **RUNNING))
    assert (first(view).name, first(view).state) == ("fetched", State.WAITING)
    assert "has been fetching for 40 s" in first(view).text
    assert "-c fetch -f" in first(view).remedy
    assert link(view, "image").state is State.NOT_REACHED


def test_a_pod_that_cannot_fetch_says_what_the_fetch_said() -> None:
    again = waiting("CrashLoopBackOff", lastState=ended(3, message=report("DiskFull", "2 GB are free.")))
    found = first(bringing(init(pod(), **again)))
    assert (found.name, found.state) == ("fetched", State.FAILED)
    assert "said DiskFull: 2 GB are free." in found.text


def test_a_fetch_that_ends_without_a_report_is_told_by_its_last_words() -> None:
    again = waiting("CrashLoopBackOff", lastState=ended(137, "OOMKilled", "Killed"))
    assert first(bringing(init(pod(), **again))).text.endswith("said Killed")
    silent = waiting("CrashLoopBackOff", lastState=ended(137, "OOMKilled"))
    assert first(bringing(init(pod(), **silent))).text.endswith("said no last words")


def test_a_fetching_container_without_its_image_is_told() -> None:
    found = first(bringing(init(pod(), **waiting("ImagePullBackOff", "denied"))))
    assert (found.name, found.state) == ("fetched", State.FAILED)
    assert "cannot get localhost/paceline:dev: ImagePullBackOff: denied" in found.text


def test_a_pod_whose_volume_is_missing_tells_its_warning_before_it_fetches() -> None:
    one = init(pod())
    events = [warning(one["metadata"]["name"], "MountVolume.SetUp failed")]
    found = first(bringing(one, events=events))
    assert (found.name, found.state) == ("fetched", State.FAILED)
    assert "cannot be set up: MountVolume.SetUp failed" in found.text
    assert first(bringing(one)).text == "1 of 1 pod without the model's files after 100 s"


def test_a_pod_that_has_fetched_goes_on_to_its_engine() -> None:
    one = init(pod(), state={"terminated": {"exitCode": 0}})
    assert link(bringing(one), "fetched").text == "the files are in 1 pod"
    assert first(bringing(one)).name == "image"
