"""Up, down and everything that can happen between, on the real thing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paceline.local import cluster as embedded
from paceline.local import startup, state
from paceline.local.addresses import Addresses
from paceline.local.errors import LocalError
from paceline.local.node import PAUSE_IMAGE
from paceline.local.paths import Folders
from tests.support.cluster import TestCluster, running, unique_name
from tests.support.embedded import kill, processes
from tests.support.traces import traces

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def own() -> Iterator[TestCluster]:
    with running(unique_name()) as made:
        yield made


def name_of(cluster: TestCluster) -> str:
    assert cluster.local is not None
    return cluster.local.name


def pause_pod(name: str, **resources: str) -> dict[str, Any]:
    container = {"name": "c", "image": PAUSE_IMAGE, "resources": {"limits": resources}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def wait_until_running(cluster: TestCluster, pod: str, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = cluster.get("pod", pod)
        statuses = found["status"].get("containerStatuses", [])
        if statuses and all(each["ready"] for each in statuses):
            return found
        assert time.monotonic() < deadline, found["status"]
        time.sleep(0.2)


def test_a_second_up_changes_nothing_and_takes_a_moment(own: TestCluster) -> None:
    before = processes(name_of(own))
    started = time.monotonic()
    again = embedded.up(name_of(own))
    assert time.monotonic() - started < 5
    assert again.state == "Running"
    assert processes(name_of(own)) == before


def test_a_cluster_with_half_of_its_programs_killed_is_repaired_and_keeps_its_objects(own: TestCluster) -> None:
    own.apply(pause_pod("survivor", **{"nvidia.com/gpu": "2"}))
    uid = wait_until_running(own, "survivor")["metadata"]["uid"]
    kill(name_of(own), "etcd", "kubelet", "containerd", "proxy")
    assert embedded.status(name_of(own)).state == "Degraded"
    assert embedded.up(name_of(own)).state == "Running"
    assert wait_until_running(own, "survivor")["metadata"]["uid"] == uid
    assert own.get("node", "local")["status"]["allocatable"]["nvidia.com/gpu"] == "8"


def test_a_cluster_with_all_of_its_programs_killed_is_repaired_and_keeps_its_objects(own: TestCluster) -> None:
    own.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    kill(name_of(own))
    assert embedded.up(name_of(own)).state == "Running"
    assert own.get("configmap", "kept")["data"] == {"a": "b"}


def test_a_cluster_whose_data_cannot_be_read_starts_over_empty(own: TestCluster) -> None:
    kill(name_of(own))
    for file in (Folders.of(name_of(own)).state / "etcd").rglob("*"):
        if file.is_file():
            file.write_bytes(b"power cut")
    said: list[str] = []
    assert embedded.up(name_of(own), say=said.append).state == "Running"
    assert any("Starting over" in line for line in said)


def test_a_cluster_that_fails_to_start_for_another_reason_keeps_its_objects(
    own: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    kill(name_of(own))
    with monkeypatch.context() as broken:
        broken.setattr(startup, "PATIENCE", 0.2)
        with pytest.raises(LocalError, match="was not ready after"):
            embedded.up(name_of(own))
    assert embedded.up(name_of(own)).state == "Running"
    assert own.get("configmap", "kept")["data"] == {"a": "b"}


def test_an_up_that_was_killed_midway_can_be_done_again() -> None:
    name = unique_name()
    try:
        program = [sys.executable, "-m", "paceline", "local", "up", "--name", name]
        with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while "apiserver" not in processes(name):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
        assert embedded.up(name).state == "Running"
    finally:
        embedded.down(name)


def test_down_leaves_nothing_and_doing_it_twice_is_no_error() -> None:
    name = unique_name()
    with running(name) as made:
        made.apply(pause_pod("one"), pause_pod("two"))
        wait_until_running(made, "one")
        record = state.Record.load(Folders.of(name))
        assert record is not None
        found = Addresses(record.block)
        assert len(traces(name, found)) > 20
        assert embedded.down(name) is True
    assert traces(name, found) == []
    assert embedded.down(name) is False
    assert embedded.status(name).state == "Absent"


def test_down_leaves_nothing_of_a_cluster_that_was_killed() -> None:
    name = unique_name()
    with running(name) as made:
        made.apply(pause_pod("one"))
        wait_until_running(made, "one")
        record = state.Record.load(Folders.of(name))
        assert record is not None
        kill(name)
        (Folders.of(name).run / "processes.json").unlink()
        embedded.down(name)
    assert traces(name, Addresses(record.block)) == []


def test_two_clusters_live_side_by_side_and_one_goes_without_the_other(own: TestCluster) -> None:
    with running(unique_name()) as other:
        assert other.local is not None
        assert own.local is not None
        assert other.local.server != own.local.server
        for each in (own, other):
            each.apply(pause_pod("pod"))
            wait_until_running(each, "pod")
    assert embedded.status(name_of(own)).state == "Running"
    wait_until_running(own, "pod")


def test_clusters_made_at_the_same_time_get_different_addresses_and_one_name_makes_one_cluster() -> None:
    names = [unique_name(), unique_name()]
    try:
        program = [sys.executable, "-m", "paceline", "local", "up", "--name"]
        started = [
            subprocess.Popen([*program, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for name in (*names, names[0])
        ]
        assert [process.wait(timeout=200) for process in started] == [0, 0, 0]
        assert len({embedded.status(name).server for name in names}) == 2
    finally:
        for name in names:
            embedded.down(name)


def test_a_cluster_of_that_name_in_another_state_folder_is_left_alone(
    own: TestCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = processes(name_of(own))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(tmp_path))
        for command in (embedded.up, embedded.down):
            with pytest.raises(LocalError, match="is there already"):
                command(name_of(own))
    assert embedded.up(name_of(own)).state == "Running"
    assert processes(name_of(own)) == before


def test_status_says_where_the_logs_are_and_each_component_has_one(own: TestCluster) -> None:
    program = [sys.executable, "-m", "paceline", "local", "status", "--name", name_of(own), "-o", "json"]
    said = json.loads(subprocess.run(program, capture_output=True, text=True, check=True).stdout)
    assert said["state"] == "Running"
    logs = {path.stem for path in Path(said["logs"]).glob("*.log")}
    assert logs >= {"etcd", "apiserver", "controller-manager", "scheduler", "containerd", "kubelet", "proxy", "dns"}


def test_the_cluster_can_be_merged_into_the_users_kubeconfig_and_leaves_it_with_down(
    own: TestCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "config"
    mine.write_text("apiVersion: v1\nkind: Config\ncontexts: [{name: mine, context: {cluster: c, user: u}}]\n")
    monkeypatch.setenv("KUBECONFIG", str(mine))
    embedded.merge_into_user_kubeconfig(name_of(own))
    assert f"current-context: paceline-{name_of(own)}" in mine.read_text()
    embedded.down(name_of(own))
    assert "name: mine" in mine.read_text()
    assert name_of(own) not in mine.read_text()
