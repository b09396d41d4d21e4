"""rollout: what is shown of revisions, and going back to one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from paceline import render
from paceline.api.revision import Revision
from paceline.cli.cluster import modeldeployment_path
from paceline.cli.console import ExitCode
from tests.support import models
from tests.support.cli_objects import cond, model
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

PATH = f"{modeldeployment_path('models')}/hello"
KEPT = "/apis/apps/v1/namespaces/models/controllerrevisions"
PLAIN = models.model(name="hello", uid="uid-hello")
SEEDED = models.model({"engine": {"args": ["--seed=2"]}}, name="hello", uid="uid-hello")


def revision(md: Any, number: int) -> Revision:
    return models.revision(md, number=number)


def stored(md: Any, number: int, **metadata: Any) -> dict[str, Any]:
    manifest = render.controller_revision(md, "Simulator", revision(md, number))
    return {**manifest, "metadata": manifest["metadata"] | {"creationTimestamp": "2026-11-24T03:00:00Z"} | metadata}


@pytest.fixture
def world(api: FakeApi) -> FakeApi:
    found = model(
        "hello",
        conditions=[cond("Progressing", "False", "RolledOut", "All replicas run it.")],
        revisions={"stable": {"name": revision(SEEDED, 2).name, "replicas": 1}},
    )
    found["spec"] = {
        "replicas": 3,
        "engine": {"args": ["--seed=2"]},
        "model": {"uri": "sim://llama-3-8b-h100"},
        "hardware": {"profile": "sim"},
    }
    api.put(PATH, found)
    foreign = stored(PLAIN, 9, ownerReferences=[{"uid": "somebody"}])
    api.items(KEPT, stored(PLAIN, 1), stored(SEEDED, 2), foreign)
    return api


def test_history_lists_what_is_kept_with_the_one_in_force_first(world: FakeApi, paceline: Run) -> None:
    code, out, _ = paceline("rollout", "history", "mdep/hello")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["NUMBER", "REVISION", "ROLE", "IMAGE", "AGE"]
    assert [line[:3] for line in lines[1:]] == [
        ["2", revision(SEEDED, 2).name, "stable"],
        ["1", revision(PLAIN, 1).name, "-"],
    ]


def test_history_as_data_holds_the_spec_and_the_template(world: FakeApi, paceline: Run) -> None:
    data = json.loads(paceline("rollout", "history", "hello", "-o", "json")[1])
    assert data[0]["spec"]["engine"] == {"args": ["--seed=2"]}
    assert data[0]["template"]["spec"]["containers"][0]["name"] == "engine"


def test_rollback_puts_back_the_spec_before_and_nothing_else(world: FakeApi, paceline: Run) -> None:
    code, _, err = paceline("rollout", "rollback", "hello")
    method, path, body = world.requests[-1]
    assert (code, method, path.partition("?")[0]) == (0, "PUT", PATH)
    assert json.loads(body)["spec"] == {"replicas": 3, **revision(PLAIN, 1).data["spec"]}
    assert "status" not in json.loads(body)
    assert "GitOps" in err


@pytest.mark.parametrize("to", ["1", revision(PLAIN, 1).name])
def test_rollback_goes_to_the_revision_that_is_named(to: str, world: FakeApi, paceline: Run) -> None:
    assert paceline("rollout", "rollback", "hello", "--to", to)[0] == 0
    assert "engine" not in json.loads(world.requests[-1][2])["spec"]


def test_a_revision_that_is_not_kept_is_said_with_those_that_are(world: FakeApi, paceline: Run) -> None:
    code, _, err = paceline("rollout", "rollback", "hello", "--to", "7")
    assert code == ExitCode.NOT_FOUND
    assert "no revision 7" in err
    assert f"2 ({revision(SEEDED, 2).name})" in err


def test_a_spec_that_never_became_a_revision_goes_back_to_the_one_that_serves(world: FakeApi, paceline: Run) -> None:
    found = json.loads(world.answer(PATH)[2])
    found["spec"] |= {"hardware": {"profile": "wrong"}}
    world.put(PATH, found)
    paceline("rollout", "rollback", "hello")
    assert json.loads(world.requests[-1][2])["spec"]["engine"] == {"args": ["--seed=2"]}


def test_a_revision_that_the_spec_asks_for_already_is_said(world: FakeApi, paceline: Run) -> None:
    code, _, err = paceline("rollout", "rollback", "hello", "--to", "2")
    assert code == ExitCode.FAILED
    assert "is that of revision 2 already" in err


def test_without_a_former_revision_there_is_no_way_back(world: FakeApi, paceline: Run) -> None:
    world.items(KEPT, stored(SEEDED, 2))
    assert paceline("rollout", "rollback", "hello")[0] == ExitCode.NOT_FOUND


def test_a_spec_that_was_changed_meanwhile_is_not_overwritten(world: FakeApi, paceline: Run) -> None:
    found = json.loads(world.answer(PATH)[2])
    replaced: list[str] = []
    original = world.answer

    def answer(path: str) -> tuple[int, str, str]:
        if world.requests[-1][0] == "PUT":
            replaced.append(path)
            return 409, "application/json", json.dumps({"message": "the object has been modified"})
        return original(path)

    world.answer = answer  # type: ignore[method-assign]
    code, _, err = paceline("rollout", "rollback", "hello")
    assert (code, replaced) == (ExitCode.FAILED, [PATH])
    assert "has been modified" in err
    assert json.loads(world.requests[-1][2])["metadata"] == found["metadata"]


@pytest.mark.parametrize(
    ("reason", "generation", "code"),
    [("RolledOut", 1, 0), ("PendingDrift", 1, 0), ("RolledOut", 2, 4), ("RolloutInProgress", 1, 4)],
)
def test_status_is_an_exit_code(reason: str, generation: int, code: int, world: FakeApi, paceline: Run) -> None:
    found = model("hello", conditions=[cond("Progressing", "False", reason, "So it is.")])
    found["metadata"]["generation"] = generation
    world.put(PATH, found)
    done, _, err = paceline("rollout", "status", "hello")
    assert done == code
    assert f"{reason}: So it is." in err


def test_status_shows_both_revisions_of_a_rollout(world: FakeApi, paceline: Run) -> None:
    places = {"stable": {"name": "hello-1-a", "replicas": 2}, "candidate": {"name": "hello-1-b", "replicas": 1}}
    world.put(PATH, model("hello", revisions=places))
    code, out, err = paceline("rollout", "status", "hello")
    assert code == ExitCode.NOT_READY
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["stable", "hello-1-a", "2"],
        ["candidate", "hello-1-b", "1"],
    ]
    assert "NotYetObserved" in err
