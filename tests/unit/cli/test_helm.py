"""Calling helm: what it is asked, and its words when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paceline.cli.console import CliError
from paceline.cli.helm import Helm


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
