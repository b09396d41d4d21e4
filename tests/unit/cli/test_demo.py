"""The demo against a fake API server and a fake helm: its steps, its end, and what it says when it gets stuck."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from paceline.api.names import child_name
from paceline.cli import demo
from paceline.cli.cluster import modeldeployment_path
from paceline.cli.console import CliError, ExitCode
from tests.support.cli_objects import cond, model
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

MODEL = modeldeployment_path(demo.NAMESPACE, demo.MODEL)
SERVICE = child_name(demo.NAMESPACE, demo.MODEL)
PROXY = f"/api/v1/namespaces/{demo.NAMESPACE}/services/http:{SERVICE}:80/proxy/v1/chat/completions"


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """Everything that the demo touches, with a model that is Ready at once."""
    helm = tmp_path / "helm"
    helm.write_text(f'#!/bin/sh\necho "$3" >> {tmp_path}/charts\ncat >> {tmp_path}/values\n')
    helm.chmod(0o755)
    monkeypatch.setattr(demo.binaries, "ensure", lambda tool: helm)
    monkeypatch.setattr(demo.images, "build", lambda: Path("/cache/0123abcd.tar"))
    monkeypatch.setattr(demo.images, "load", lambda cluster, reference: None)
    monkeypatch.setattr(demo.envoy, "load", lambda cluster: None)
    monkeypatch.setattr(demo, "show_door", lambda *given: demo.out.print("the door"))
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: None)
    for namespace in (demo.SYSTEM, demo.NAMESPACE):
        api.put(f"/api/v1/namespaces/{namespace}", {})
    deltas = "\n".join(f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}' for word in ("Hello", " you"))
    usage = 'data: {"usage": {"prompt_tokens": 9, "completion_tokens": 2}}'
    api.text(PROXY, f"{deltas}\n{usage}\n", kind="text/event-stream")
    found = model(demo.MODEL, slo={"requests": 6})
    found["metadata"]["namespace"] = demo.NAMESPACE
    api.put(MODEL, found)
    return api


def test_the_demo_on_a_cluster_of_ones_own_ends_with_figures_an_answer_a_door_and_four_commands(
    cluster: FakeApi, paceline: Run, tmp_path: Path
) -> None:
    code, out, err = paceline("demo", "--existing")
    assert code == 0, err
    assert (tmp_path / "charts").read_text().split() == ["paceline-crds", "paceline"]
    sent = [(method, path.split("?")[0]) for method, path, _ in cluster.requests]
    assert sent[:2] == [("PATCH", f"/api/v1/namespaces/{name}") for name in (demo.SYSTEM, demo.NAMESPACE)]
    assert "pod-security.kubernetes.io/enforce" in cluster.requests[0][2]
    applied = next(body for method, path, body in cluster.requests if method == "PATCH" and path.startswith(MODEL))
    assert yaml.safe_load(applied)["metadata"]["name"] == demo.MODEL
    assert "TTFT and TPOT measured on 6 requests" in out
    assert "│ True  │ 1/1      │ 31 ms    │ 7.2 ms   │ 0.00   │" in out
    assert f"{demo.MODEL}  Hello you\n" in out
    assert "9 prompt + 2 output tokens" in err
    assert out.index("Hello you") < out.index("the door") < out.index("Try next")
    last = [line.strip().partition("paceline ")[2] for line in out.strip().splitlines()[-4:]]
    assert [line.split()[:2] for line in last] == [
        ["explain", "mdep/first-model"],
        ["chat", "first-model"],
        ["explain", "consumer/visitor"],
        ["logs", "mdep/first-model"],
    ]


def test_envoys_image_is_the_one_that_was_brought_to_the_node_or_the_published_one(
    cluster: FakeApi, paceline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paceline("demo", "--existing")
    assert "envoy" not in (tmp_path / "values").read_text()
    started = SimpleNamespace(kubeconfig=cluster.kubeconfig_path, name="x")
    monkeypatch.setattr(demo.local, "up", lambda name, say: started)
    paceline("demo", "--name", "x")
    assert '"images": {"envoy": "localhost/envoy:dev"}' in (tmp_path / "values").read_text()


def test_the_demo_brings_its_own_cluster_up_and_takes_it_down_when_asked(
    cluster: FakeApi, paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def up(name: str, say: Callable[[str], None]) -> SimpleNamespace:
        say("starting etcd")
        calls.append(f"up {name}")
        return SimpleNamespace(kubeconfig=cluster.kubeconfig_path, name=name)

    monkeypatch.setattr(demo.local, "up", up)
    monkeypatch.setattr(demo.local, "down", lambda name: calls.append(f"down {name}"))
    assert paceline("demo", "--name", "x", "--no-keep")[0] == 0
    assert calls == ["up x", "down x"]
    assert paceline("demo", "--name", "x")[0] == 0
    assert calls[2:] == ["up x"]


def test_a_model_that_does_not_get_ready_ends_the_demo_with_its_own_words(
    cluster: FakeApi, paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "READY_SECONDS", 0.0)
    stuck = model(demo.MODEL, conditions=[cond("Ready", "False", "NoCapacity", "no node has room")])
    cluster.put(MODEL, stuck)
    code, out, err = paceline("demo", "--existing")
    assert code == ExitCode.NOT_READY
    assert "first-model did not come that far in 0 s; NoCapacity: no node has room" in err
    assert "paceline explain mdep/first-model" in err
    assert "✘" in out


def test_an_old_generation_is_not_ready() -> None:
    changed = model()
    assert demo.ready(changed)
    changed["metadata"]["generation"] = 2
    assert not demo.ready(changed)
    assert not demo.measured(model(display={"ttftP95": "31 ms"}))


def test_the_next_commands_name_the_kubeconfig_where_it_would_not_be_found(api: FakeApi) -> None:
    assert len(demo.next_commands(str(api.kubeconfig_path))) == 4
    assert demo.next_commands("/elsewhere")[0] == "export KUBECONFIG=/elsewhere"
    assert demo.next_commands(str(Path.home() / "kc"))[0] == "export KUBECONFIG=~/kc"


def test_the_program_is_called_by_name_where_it_is_on_path_else_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "bin" / "paceline"
    script.parent.mkdir()
    script.touch()
    assert demo.program("/any", "/usr/bin/paceline") == "paceline"
    assert demo.program(str(script), None) == "bin/paceline"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert demo.program("/x/__main__.py", None) == "bin/paceline"
    script.unlink()
    assert demo.program("/x/__main__.py", None) == "bin/python -m paceline"


def test_without_a_checkout_the_demo_says_where_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "a" / "b" / "c" / "demo.py"))
    with pytest.raises(CliError, match="source checkout") as caught:
        demo.checkout()
    assert caught.value.remedy == "run it from a clone"
