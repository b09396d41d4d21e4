"""The charts, rendered by the real Helm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from paceline.local import binaries

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "paceline"
CRDS_CHART = ROOT / "charts" / "paceline-crds"
CASES = tuple(sorted((CHART / "ci").glob("*.yaml")))
CASE_NAMES = tuple(case.stem for case in CASES)

Done = subprocess.CompletedProcess[str]


@cache
def helm() -> Path:
    """The helm binary that the demo and the acceptance runs use too."""
    return binaries.ensure("helm")


def run(*arguments: str | Path, kubeconfig: Path | None = None) -> Done:
    """Run helm, without a cluster unless one is named."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)}
    return subprocess.run(
        [helm(), *arguments], capture_output=True, text=True, check=False, timeout=90, env=environment
    )


def template(
    *, chart: Path = CHART, values: Path | None = None, sets: Sequence[str] = (), release: str = "paceline"
) -> Done:
    """`helm template` into namespace paceline-system, for the lowest supported Kubernetes."""
    options: list[str | Path] = ["--namespace", "paceline-system", "--kube-version", "1.33.0"]
    options += ["--values", values] if values else []
    for each in sets:
        options += ["--set", each]
    return run("template", release, chart, *options)


def render(
    *, chart: Path = CHART, values: Path | None = None, sets: Sequence[str] = (), release: str = "paceline"
) -> str:
    """The rendered manifests as text; fails when helm refuses."""
    done = template(chart=chart, values=values, sets=sets, release=release)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a rendered text."""
    return [each for each in yaml.safe_load_all(text) if each]


@cache
def case(name: str) -> tuple[dict[str, Any], ...]:
    """The objects of charts/paceline/ci/<name>.yaml."""
    return tuple(objects(render(values=CHART / "ci" / f"{name}.yaml")))


def of_kind(rendered: Sequence[dict[str, Any]], *kinds: str) -> Iterator[dict[str, Any]]:
    """The objects of these kinds."""
    return (each for each in rendered if each["kind"] in kinds)


def only(rendered: Sequence[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one object of that kind and name."""
    found = [each for each in of_kind(rendered, kind) if each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
    return found[0]


def pod_specs(rendered: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod specs by kind/name of what holds them."""
    specs = {}
    for each in rendered:
        spec = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {}).get("spec")
        if spec:
            specs[f"{each['kind']}/{each['metadata']['name']}"] = spec
    return specs
