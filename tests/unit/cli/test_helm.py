"""Calling helm: what it is asked, and its words when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from paceline.cli.cluster import Cluster
from paceline.cli.console import CliError
from paceline.cli.helm import LOCKED, Helm
from paceline.cli.kubeconfig import Access

SECRETS = "/api/v1/namespaces/paceline-system/secrets"


def program(folder: Path, *lines: str) -> Path:
    path = folder / "helm"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return path


def test_a_chart_is_installed_or_upgraded_and_waited_for(tmp_path: Path) -> None:
    helm = Helm(program(tmp_path, f'echo "$@" > {tmp_path}/asked', f"cat > {tmp_path}/values"), "/kc")
    helm.install("paceline", Path("charts/paceline"), "paceline-system", {"crds": {"enabled": False}})
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:6] == ["upgrade", "--install", "paceline", "charts/paceline", "--namespace", "paceline-system"]
    assert "--wait" in asked
    assert asked[-2:] == ["--kubeconfig", "/kc"]
    assert json.loads((tmp_path / "values").read_text()) == {"crds": {"enabled": False}}


def test_what_helm_says_when_it_fails_is_repeated(tmp_path: Path) -> None:
    helm = Helm(program(tmp_path, "echo 'Error: the cluster\n is unwell' >&2", "exit 1"), "/kc")
    with pytest.raises(CliError, match="could not install the chart paceline: Error: the cluster is unwell") as caught:
        helm.install("paceline", Path("charts/paceline"), "paceline-system")
    assert caught.value.remedy == "look: helm status paceline -n paceline-system"


class Records:
    """An API server that keeps helm's pending records, and a helm that refuses to work while a lock file is there."""

    def __init__(self, folder: Path, *names: str, conflict: bool = False) -> None:
        self.names = list(names)
        self.conflict = conflict
        self.asked: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.lock = folder / "lock"
        self.lock.touch()
        lines = (f"echo run >> {folder}/runs", f"[ ! -e {self.lock} ] || {{ echo 'Error: {LOCKED}' >&2; exit 1; }}")
        self.helm = Helm(program(folder, *lines), "/kc", say=self.said.append)
        self.runs = folder / "runs"

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("labelSelector", "")
        self.asked.append((request.method, request.url.path, query or request.content.decode()))
        if request.method == "GET":
            labels = {"status": "pending-upgrade"}
            metadata = [{"name": name, "labels": labels, "resourceVersion": "7"} for name in self.names]
            return httpx.Response(200, json={"items": [{"metadata": each} for each in metadata]})
        if self.conflict:
            return httpx.Response(409, json={"message": "the object has been modified"})
        self.lock.unlink()
        return httpx.Response(200, json={})

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cluster = Cluster(Access(host="http://api"), httpx.MockTransport(self.answer))
        monkeypatch.setattr(Cluster, "connect", lambda kubeconfig: cluster)
        self.helm.install("paceline", Path("charts/paceline"), "paceline-system")


def test_a_run_that_was_interrupted_is_forgotten_and_the_chart_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path, "sh.helm.release.v1.paceline.v2")
    records.install(monkeypatch)
    assert records.runs.read_text().split() == ["run", "run"]
    selector = "owner=helm,name=paceline,status in (pending-install,pending-upgrade,pending-rollback)"
    (read, (method, path, body)) = records.asked
    assert read == ("GET", SECRETS, selector)
    assert (method, path) == ("DELETE", f"{SECRETS}/sh.helm.release.v1.paceline.v2")
    assert json.loads(body) == {"preconditions": {"resourceVersion": "7"}}
    (said,) = records.said
    assert "helm run of paceline was interrupted (pending-upgrade), or another one still runs" in said
    assert "Secret paceline-system/sh.helm.release.v1.paceline.v2" in said


def test_helm_is_not_asked_again_where_no_interrupted_run_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    with pytest.raises(CliError, match="another operation"):
        records.install(monkeypatch)
    assert records.runs.read_text().split() == ["run"]


def test_a_run_that_ends_meanwhile_keeps_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records(tmp_path, "sh.helm.release.v1.paceline.v2", conflict=True)
    with pytest.raises(CliError, match="answered 409: the object has been modified"):
        records.install(monkeypatch)
    assert records.runs.read_text().split() == ["run"]
