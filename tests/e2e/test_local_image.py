"""The image as it runs in a cluster: small, plain, unprivileged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster import TestCluster

pytestmark = pytest.mark.timeout(600)

#: Prints what the tests below look at, from inside a container.
LOOK = """
import importlib.util, json, os, pathlib
top = pathlib.Path("/opt/paceline")
files = [p for p in top.rglob("*") if p.is_file() and not p.is_symlink()]
def writes(path):
    try:
        pathlib.Path(path, "x").write_text("x")
        return True
    except OSError:
        return False
everything = [os.path.join(f, n) for f, _, names in os.walk("/") if not f.startswith(("/proc", "/sys")) for n in names]
print(json.dumps({
    "user": os.getuid(),
    "megabytes": sum(p.stat().st_size for p in files) / 1e6,
    "bytecode": [n for n in everything if n.endswith(".pyc")],
    "hooks": [n for n in everything if n.endswith(".pth")],
    "heavy": [m for m in ("numpy", "scipy", "pip", "pytest") if importlib.util.find_spec(m)],
    "tests": [str(p) for p in top.rglob("tests") if p.is_dir()],
    "writable": [p for p in ("/", "/opt/paceline", "/etc", "/usr", "/var") if writes(p)],
    "setuid": [str(p) for p in files if p.stat().st_mode & 0o6000],
}))
"""


@pytest.fixture(scope="module")
def seen(cluster: TestCluster, paceline_image: str) -> dict[str, Any]:
    """What a container of the image sees under the chart's restrictions."""
    container = {
        "name": "look",
        "image": paceline_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", LOOK],
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "look"},
        "spec": {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False},
    }
    cluster.apply(manifest)
    cluster.kubectl("wait", "pod/look", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    said: dict[str, Any] = json.loads(cluster.kubectl("logs", "look"))
    cluster.kubectl("delete", "pod", "look", "--wait=false")
    return said


def test_it_runs_as_nobody_in_particular(seen: dict[str, Any]) -> None:
    assert seen["user"] == 65532
    assert seen["setuid"] == []


def test_it_runs_on_a_read_only_root(seen: dict[str, Any]) -> None:
    assert seen["writable"] == []


def test_it_holds_no_byte_code(seen: dict[str, Any]) -> None:
    assert seen["bytecode"] == []


def test_no_file_in_it_runs_code_at_interpreter_start(seen: dict[str, Any]) -> None:
    assert seen["hooks"] == []


def test_it_holds_nothing_heavy_and_no_tests(seen: dict[str, Any]) -> None:
    assert seen["heavy"] == []
    assert seen["tests"] == []


def test_it_adds_at_most_200_megabytes_to_its_base(seen: dict[str, Any]) -> None:
    assert 20 < seen["megabytes"] <= 200


def test_its_entry_point_is_paceline(cluster: TestCluster, namespace: str, paceline_image: str) -> None:
    cluster.kubectl(
        "run", "entry", "-n", namespace, f"--image={paceline_image}", "--image-pull-policy=IfNotPresent",
        "--restart=Never", "--", "--help",
    )  # fmt: skip
    cluster.kubectl("wait", "pod/entry", "-n", namespace, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert "engine-sim" in cluster.kubectl("logs", "entry", "-n", namespace)
