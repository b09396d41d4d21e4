"""get, explain, logs, crds against a fake API server: columns, exit codes, failures in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from paceline.cli.cluster import Cluster, find_modeldeployment, modeldeployment_path
from paceline.cli.columns import age, columns_of
from paceline.cli.console import CliError, ExitCode
from paceline.cli.kinds import CONSUMER, GATEWAY, KINDS, MODELDEPLOYMENT, Kind, bare_name
from tests.support.cli_objects import (
    NOW,
    a_consumer,
    a_gateway,
    cond,
    deployment,
    endpoints,
    fetcher,
    job,
    model,
    pod,
    replicaset,
    service,
)
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

MODELS = modeldeployment_path("models")
PODS = "/api/v1/namespaces/models/pods"


def test_get_shows_the_columns_of_the_kind(api: FakeApi, paceline: Run) -> None:
    starting = model("zeta", conditions=[cond("Ready", "False", "EngineStarting")], display={})
    shown = {"replicas": "1/1", "ttftP95": "31 ms", "tpotP95": "7.2 ms", "attainment": "99.58"}
    api.items(MODELS, starting, model("alpha", display=shown))
    code, out, _ = paceline("get")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0] == [
        "NAME",
        "READY",
        "AVAILABLE",
        "REASON",
        "REPLICAS",
        "TTFT-P95",
        "TPOT-P95",
        "SLO%",
        "COST/H",
        "AGE",
    ]
    assert lines[1][:10] == ["alpha", "True", "True", "Answering", "1/1", "31", "ms", "7.2", "ms", "99.58"]
    assert lines[2][:5] == ["zeta", "False", "Unknown", "EngineStarting", "-"]


def test_get_of_all_namespaces_begins_with_the_namespace(api: FakeApi, paceline: Run) -> None:
    api.items(modeldeployment_path(""), model())
    _, out, _ = paceline("get", "mdep", "-A")
    assert out.splitlines()[0].split()[0] == "NAMESPACE"
    assert out.splitlines()[1].split()[:2] == ["models", "hello"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("mdep", "hello"),
        ("mdep/hello",),
        ("hello",),
        ("modeldeployments", "hello"),
        ("modeldeployments.paceline.dev", "hello"),
    ],
)
def test_get_takes_a_name_in_the_forms_of_kubectl(arguments: tuple[str, ...], api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    code, out, _ = paceline("get", *arguments)
    assert code == 0
    assert out.splitlines()[1].startswith("hello ")


def test_get_as_data_is_the_object_or_a_list(api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    api.items(MODELS, model())
    assert json.loads(paceline("get", "hello", "-o", "json")[1]) == model()
    assert yaml.safe_load(paceline("get", "-o", "yaml")[1])["items"] == [model()]


def test_get_says_that_there_is_nothing(api: FakeApi, paceline: Run) -> None:
    api.items(modeldeployment_path("empty"))
    api.items(modeldeployment_path(""))
    assert paceline("get", "-n", "empty") == (0, "", "No ModelDeployment in namespace empty.\n")
    assert paceline("get", "-A") == (0, "", "No ModelDeployment in any namespace.\n")


def test_a_missing_name_lists_those_that_exist(api: FakeApi, paceline: Run) -> None:
    api.items(MODELS, model("beta"), model("alpha"))
    code, _, err = paceline("get", "gamma")
    assert code == ExitCode.NOT_FOUND
    assert "no ModelDeployment gamma in namespace models." in err
    assert "there are: alpha, beta" in err
    api.items(MODELS)
    assert "add -n NAMESPACE" in paceline("get", "gamma")[2]


@pytest.mark.parametrize("arguments", [("get",), ("get", "x"), ("explain", "mdep/x")], ids=" ".join)
def test_a_cluster_without_the_kinds_is_told_how_to_get_them(
    arguments: tuple[str, ...], api: FakeApi, paceline: Run
) -> None:
    code, _, err = paceline(*arguments)
    assert code == ExitCode.NOT_FOUND
    assert "paceline crds | kubectl apply" in err


def test_wrong_usage_has_its_own_code(api: FakeApi, paceline: Run) -> None:
    assert paceline("get", "pod/x")[0] == ExitCode.USAGE
    code, _, err = paceline("get", "mdep", "x", "-A")
    assert code == ExitCode.USAGE
    assert "exclude each other" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "mdep/"),
        ("logs", "mdep/"),
        ("chat", "mdep/"),
        ("get", "mdep/"),
        ("get", "mdep", "mdep/"),
        ("get", ""),
        ("explain", "Hello"),
        ("logs", "hello?watch=true"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_a_name_is_refused_before_anything_is_asked(
    arguments: tuple[str, ...], api: FakeApi, paceline: Run
) -> None:
    api.items(MODELS, model())
    code, out, err = paceline(*arguments)
    assert (code, out, api.requests) == (ExitCode.USAGE, "", [])
    assert f"{arguments[-1]!r} does not name a ModelDeployment." in err


def test_get_refuses_another_kind_than_its_own(api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    code, out, err = paceline("get", "deployments", "hello")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "'deployments' is not a kind that this command knows." in err


def test_a_cluster_that_is_not_there_is_unreachable(api: FakeApi, paceline: Run) -> None:
    path = api.kubeconfig_path
    path.write_text(path.read_text().replace(api.url, "http://127.0.0.1:1"))
    code, _, err = paceline("get")
    assert code == ExitCode.UNREACHABLE
    assert "the cluster at http://127.0.0.1:1 was not reached" in err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(401, "does not know these credentials: who are you", id="unknown"),
        pytest.param(403, "the cluster refuses: who are you", id="forbidden"),
        pytest.param(500, "the cluster answered 500: who are you", id="broken"),
    ],
)
def test_a_refusal_repeats_the_words_of_the_server(status: int, words: str, api: FakeApi, paceline: Run) -> None:
    api.refuse(MODELS, status, "who are you")
    code, _, err = paceline("get")
    assert code == ExitCode.FAILED
    assert words in err


def test_the_token_of_the_kubeconfig_is_sent_and_apply_is_server_side(api: FakeApi) -> None:
    api.put(f"{MODELS}/hello", model())
    cluster = Cluster.connect()
    assert cluster.apply(f"{MODELS}/hello", "kind: ModelDeployment\n") == model()
    cluster.apply(f"{MODELS}/hello", {"kind": "ModelDeployment"})
    (method, path, body), (_, _, other) = api.requests
    assert (method, body, other) == ("PATCH", "kind: ModelDeployment\n", '{"kind": "ModelDeployment"}')
    assert "fieldManager=paceline-cli" in path
    with pytest.raises(CliError, match="no place for /nowhere"):
        cluster.apply("/nowhere", {})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d"), (-5, "0s")],
)
def test_ages_are_written_as_kubectl_does(seconds: int, words: str) -> None:
    assert age("2026-11-24T03:00:00Z", NOW - 100 + seconds) == words


def test_an_object_without_status_is_unknown() -> None:
    bare = model()
    del bare["status"]
    del bare["metadata"]["creationTimestamp"]
    assert columns_of(MODELDEPLOYMENT).row(bare, NOW) == ("models", "hello", "Unknown", "Unknown", *"-------")


@pytest.mark.parametrize(
    ("kind", "found", "cells"),
    [
        pytest.param(
            GATEWAY,
            a_gateway(routes={"total": 3, "unhealthy": ["bot"]}),
            ["public", "True", "True", "Serving", "2/2", "3 (1 unhealthy)", "http://public-gateway.models.svc:8080/v1"],
            id="gateway",
        ),
        pytest.param(
            CONSUMER,
            a_consumer(suspended=True),
            ["site", "True", "True", "Programmed", "External", "1.20 USD", "5.00/Day", "true"],
            id="consumer",
        ),
    ],
)
def test_gateways_and_consumers_have_columns_of_their_own(
    kind: Kind, found: dict[str, Any], cells: list[str], api: FakeApi, paceline: Run
) -> None:
    api.items(kind.path("models"), found)
    api.put(kind.path("models", cells[0]), found)
    for arguments in ((kind.plural,), (kind.short, cells[0]), (f"{kind.short}/{cells[0]}",)):
        code, out, _ = paceline("get", *arguments)
        assert code == 0
        assert re.split(r"\s{3,}", out.splitlines()[1])[:-1] == cells
        assert re.split(r"\s{3,}", out.splitlines()[0]) == list(columns_of(kind).heads)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_an_object_of_which_nothing_is_known_yet_has_a_cell_in_each_column(kind: Kind) -> None:
    bare = {"metadata": {"name": "new", "namespace": "models"}, "spec": {}}
    cells = columns_of(kind).row(bare, NOW)
    assert len(cells) == len(columns_of(kind).heads) + 1
    assert all(cells)


@pytest.mark.parametrize("reference", ["hello", "mdep/hello", "ModelDeployment/hello", "mdep.paceline.dev/hello"])
def test_a_reference_names_the_object(reference: str) -> None:
    assert bare_name(reference) == "hello"


def whole(api: FakeApi, **status: object) -> None:
    """A serving model and everything that hangs from it."""
    api.put(f"{MODELS}/hello", model(**status))
    api.items("/apis/apps/v1/namespaces/models/deployments", deployment())
    api.items("/apis/apps/v1/namespaces/models/replicasets", replicaset())
    api.items(PODS, pod())
    api.items("/api/v1/namespaces/models/services", service())
    api.items("/apis/discovery.k8s.io/v1/namespaces/models/endpointslices", endpoints())
    api.items("/api/v1/namespaces/models/events")
    api.items("/api/v1/pods", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})


def test_explain_of_a_serving_model_holds_and_exits_0(api: FakeApi, paceline: Run) -> None:
    whole(api)
    code, out, _ = paceline("explain", "mdep/hello")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "ModelDeployment models/hello: every link holds"
    assert lines[2].startswith("✔ spec       generation 1 asks for 1 replica")
    assert len(lines) == 16


def test_explain_puts_the_failing_link_first_with_its_remedy_and_exits_4(api: FakeApi, paceline: Run) -> None:
    whole(api, conditions=[cond("Accepted", "False", "UnknownProfile", "no profile x")])
    api.refuse("/api/v1/pods", 403, "not yours")
    code, out, _ = paceline("explain", "hello")
    lines = out.splitlines()
    assert code == ExitCode.NOT_READY
    assert lines[0] == "ModelDeployment models/hello: look at accepted"
    assert lines[1] == "  ✘ UnknownProfile: no profile x"
    assert lines[2].startswith("    try: correct the manifest")


def test_explain_of_a_model_that_is_looked_up_reads_its_job_and_takes_no_lookup_for_an_engine(
    api: FakeApi, paceline: Run
) -> None:
    found = model(conditions=[cond("Accepted", "True"), cond("ModelResolved", "Unknown", "Resolving")])
    api.put(f"{MODELS}/hello", found)
    api.items("/apis/batch/v1/namespaces/models/jobs", job())
    api.items(PODS, fetcher())
    code, out, _ = paceline("explain", "mdep/hello")
    assert code == ExitCode.NOT_READY
    assert "waiting at source" in out.splitlines()[0]
    assert "pod hello-job-1 looks the model up" in out
    assert "· scheduled  no pod came this far" in out


def test_explain_as_data_has_every_link(api: FakeApi, paceline: Run) -> None:
    whole(api)
    api.items("/api/v1/namespaces/models/services")
    code, out, _ = paceline("explain", "hello", "-o", "json")
    links = json.loads(out)["links"]
    assert code == ExitCode.NOT_READY
    assert links[-1]["name"] == "service"
    assert links[-1]["state"] == "Waiting"


def test_logs_of_one_pod_are_plain_lines(api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    api.items(PODS, pod("hello-1"))
    api.text(f"{PODS}/hello-1/log", "one\n[two]\n")
    code, out, err = paceline("logs", "mdep/hello", "--tail", "7")
    assert (code, out, err) == (0, "one\n[two]\n", "1 pod: hello-1\n")
    assert "container=engine&tailLines=7&follow=false&previous=false" in api.requests[-1][1]


def test_logs_of_several_pods_name_each_and_one_without_a_log_says_why(api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    api.items(PODS, pod("hello-1"), pod("hello-2"))
    api.text(f"{PODS}/hello-1/log", "one\ntwo\n")
    api.refuse(f"{PODS}/hello-2/log", 400, "container is waiting to start")
    code, out, err = paceline("logs", "hello")
    assert code == 0
    assert sorted(out.splitlines()) == ["hello-1 one", "hello-1 two", "hello-2 (no log: container is waiting to start)"]
    assert err == "2 pods: hello-1, hello-2\n"


def test_logs_without_pods_lead_to_explain(api: FakeApi, paceline: Run) -> None:
    api.put(f"{MODELS}/hello", model())
    code, _, err = paceline("logs", "hello")
    assert code == ExitCode.NOT_FOUND
    assert "paceline explain mdep/hello" in err


def test_logs_of_the_operator_look_in_every_namespace(api: FakeApi, paceline: Run) -> None:
    assert "helm install paceline" in paceline("logs", "operator")[2]
    api.items("/api/v1/pods", pod("paceline-operator-1"))
    api.text(f"{PODS}/paceline-operator-1/log", "{}\n")
    assert paceline("logs", "operator")[1] == "{}\n"


def test_crds_are_printed_as_one_stream_of_yaml(paceline: Run) -> None:
    code, out, _ = paceline("crds")
    assert code == 0
    kinds = [document["spec"]["names"]["kind"] for document in yaml.safe_load_all(out)]
    assert kinds == ["Consumer", "Gateway", "ModelDeployment"]


def test_crds_are_written_as_one_file_per_kind(paceline: Run, tmp_path: Path) -> None:
    code, out, _ = paceline("crds", "--output", str(tmp_path / "crds"))
    assert (code, out) == (0, "")
    assert {path.name for path in (tmp_path / "crds").iterdir()} == {
        "consumers.paceline.dev.yaml",
        "gateways.paceline.dev.yaml",
        "modeldeployments.paceline.dev.yaml",
    }


@pytest.mark.parametrize(("folder", "words"), [("file", "File exists"), ("file/crds", "Not a directory")])
def test_crds_that_cannot_be_written_say_why(folder: str, words: str, paceline: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = paceline("crds", "--output", str(tmp_path / folder))
    assert code == ExitCode.FAILED
    assert f"the folder {tmp_path / folder} cannot be written to: {words}." in err


def test_finding_fails_in_words_that_a_script_can_read(api: FakeApi) -> None:
    with pytest.raises(CliError) as caught:
        find_modeldeployment(Cluster.connect(), "models", "hello")
    assert caught.value.code == ExitCode.NOT_FOUND
