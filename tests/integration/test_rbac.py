"""The rights that the chart grants are those that the operator uses: the audit log says so, both ways round."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys

import httpx
import pytest
import yaml

from paceline.render.gateway.pod import AUDIENCE
from tests.support.account import Account, Right, used
from tests.support.certificates import certificate_for
from tests.support.golden import golden
from tests.support.helm import CHART, ROOT, run
from tests.support.ports import free_port
from tests.support.waiting import wait_until

RUN = secrets.token_hex(3)  # so that a second session on one cluster meets none of the first
SYSTEM, MODELS, ENABLED = (f"rbac-{name}-{RUN}" for name in ("system", "models", "enabled"))
MODEL, GATEWAY, CONSUMER = "watched", "door", "site"
KINDS = ("modeldeployments", "gateways", "consumers")
VALUES = {
    "crds": {"enabled": False},  # other tests of the session may have brought them
    "operator": {"replicas": 0},  # it runs beside the test, with the account's token
    "watch": {"namespaces": [], "createNamespaces": [MODELS]},
    "resyncSeconds": 2,
}
MANIFEST = {
    "apiVersion": "paceline.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": MODEL, "namespace": MODELS},
    "spec": {
        "replicas": 1,
        "exposure": "GatewayOnly",
        "model": {"uri": "image://localhost/paceline-pause:1"},
        "hardware": {"profile": "sim"},
        "engine": {"type": "Custom", "custom": {"port": 8000, "inference": "None"}},
    },
}
CHILDREN = {
    "serviceaccounts": {"apiVersion": "v1", "kind": "ServiceAccount"},
    "services": {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
    "poddisruptionbudgets": {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"stray": "true"}}},
    },
    "deployments": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"stray": "true"}},
            "template": {
                "metadata": {"labels": {"stray": "true"}},
                "spec": {"containers": [{"name": "none", "image": "none"}]},
            },
        },
    },
}
#: Children of a Gateway.
DOORWAY = CHILDREN | {"configmaps": {"apiVersion": "v1", "kind": "ConfigMap"}}
POD = {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}
#: Children of a model of files, while it is looked up.
LOOKUP = {
    "networkpolicies": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {"podSelector": {"matchLabels": {"stray": "true"}}},
    },
    "jobs": {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {"suspend": True, "template": {"spec": POD}},
    },
}
#: Granted and not seen in an ordinary life, each for a reason.
UNSEEN = {
    # Not a request: the admission plugin OwnerReferencesPermissionEnforcement asks for it when a child is made.
    *(Right("paceline.dev", f"{kind}/finalizers", "update") for kind in KINDS),
    # A live look at what kopf watches is taken where a comparison finds that the watch lost an event.
    *(Right("paceline.dev", kind, "get") for kind in KINDS),
    Right("", "pods", "get"),
    Right("apps", "controllerrevisions", "get"),
    Right("discovery.k8s.io", "endpointslices", "get"),
    # The certificate is renewed after two months.
    Right("", "secrets", "update"),
}


def eventually(look, what):
    return wait_until(look, 40, what, every=0.2)


def manifest(kind, name, **spec):
    metadata = {"name": name, "namespace": MODELS}
    return {"apiVersion": "paceline.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def names(cluster, plural, label="paceline.dev/modeldeployment"):
    return cluster.kubectl("get", plural, "-n", MODELS, "-l", label, "-o", "name").split()


def stray(owner, plural):
    """An object as an earlier release might have left it: ours by label and owner, but not rendered any more."""
    kind, name, uid = owner["kind"], owner["metadata"]["name"], owner["metadata"]["uid"]
    reference = {"apiVersion": owner["apiVersion"], "kind": kind, "name": name, "uid": uid, "controller": True}
    labels = {"app.kubernetes.io/managed-by": "paceline", f"paceline.dev/{kind.lower()}": name}
    metadata = {"name": f"{name}-stray", "labels": labels, "ownerReferences": [reference]}
    return (DOORWAY | LOOKUP)[plural] | {"metadata": metadata}


def freed(cluster, owner, plurals):
    """What an earlier release left is deleted."""
    name = f"{owner['metadata']['name']}-stray"
    cluster.apply(*(stray(owner, plural) for plural in plurals), namespace=MODELS)
    for plural in plurals:
        gone = ("get", plural, name, "-n", MODELS, "--ignore-not-found", "-o", "name")
        eventually(lambda gone=gone: not cluster.kubectl(*gone).strip(), f"the stray of {plural} is gone")


def healed(cluster, ours):
    """What somebody else changes in it is changed back."""
    cluster.kubectl("label", ours, "-n", MODELS, "app.kubernetes.io/part-of=somebody", "--overwrite")
    eventually(
        lambda: cluster.get(ours, "-n", MODELS)["metadata"]["labels"]["app.kubernetes.io/part-of"] == "paceline",
        f"{ours} is healed",
    )


def look_up(cluster):
    """A model of files is looked up; nothing answers, and it is deleted."""
    files = {**MANIFEST["spec"], "model": {"uri": "hf://acme/model"}, "engine": {}}
    cluster.apply({**MANIFEST, "metadata": {"name": "files", "namespace": MODELS}, "spec": files}, namespace=MODELS)
    for plural in LOOKUP:
        eventually(lambda plural=plural: names(cluster, plural), f"there is one of {plural}")
        (ours,) = names(cluster, plural)
        healed(cluster, ours)
    cluster.kubectl("delete", "mdep", "files", "-n", MODELS, "--timeout=30s")
    for plural in LOOKUP:
        eventually(lambda plural=plural: not names(cluster, plural), f"the {plural} went with their owner")


def change_again(cluster):
    """Another template in the middle of a rollout: no kubelet makes the pods of the first one ready."""
    for argument in ("--half", "--way"):
        changed = {**MANIFEST["spec"], "engine": {**MANIFEST["spec"]["engine"], "args": [argument]}}
        cluster.apply({**MANIFEST, "spec": changed}, namespace=MODELS)
        eventually(lambda argument=argument: applied(cluster) == [argument], f"{argument} is applied, and not paused")


def applied(cluster):
    """Arguments of the engine in the Deployment; nothing while it is paused."""
    (one,) = cluster.get("deployments", "-n", MODELS, "-l", "paceline.dev/modeldeployment")["items"]
    return None if one["spec"].get("paused") else one["spec"]["template"]["spec"]["containers"][0].get("args")


def forget(cluster):
    """Its history is cut."""
    for argument in ("--one", "--two"):
        changed = {**MANIFEST["spec"], "replicas": 0, "rollout": {"revisionHistoryLimit": 0}}
        changed["engine"] = {**changed["engine"], "args": [argument]}
        cluster.apply({**MANIFEST, "spec": changed}, namespace=MODELS)
        eventually(lambda argument=argument: arguments(cluster) == [[argument]], f"only {argument} is kept")


def arguments(cluster):
    """Of each revision that is kept."""
    items = cluster.get("controllerrevisions", "-n", MODELS, "-l", "paceline.dev/modeldeployment")["items"]
    return [one["data"]["effective"]["args"] for one in items]


def serve(cluster, agents):
    """A Gateway's life and a Consumer's: both made, the pods' agent heard, freed of strays, healed, deleted."""
    door = manifest("Gateway", GATEWAY, routesFrom="AllModelDeployments")
    site = manifest("Consumer", CONSUMER, gatewayRefs=[{"name": GATEWAY}], models=["*"])
    cluster.apply(door, site, namespace=MODELS)
    for plural in DOORWAY:
        eventually(
            lambda plural=plural: names(cluster, plural, "paceline.dev/gateway"), f"there is one of {plural} for it"
        )
    secret = ("secret", f"{CONSUMER}-key", "-n", MODELS)
    eventually(lambda: cluster.kubectl("get", *secret, "--ignore-not-found").strip(), "the Consumer has a key")
    for kind, name in (("gateways.paceline.dev", GATEWAY), ("consumer", CONSUMER)):
        eventually(
            lambda kind=kind, name=name: cluster.get(kind, name, "-n", MODELS).get("status", {}).get("conditions"),
            f"the {kind} has a status",
        )
    (account,) = names(cluster, "serviceaccounts", "paceline.dev/gateway")
    account = account.removeprefix("serviceaccount/")
    token = cluster.kubectl("create", "token", account, "-n", MODELS, "--audience", AUDIENCE).strip()
    answer = httpx.get(
        f"https://127.0.0.1:{agents}/v1/programs/{MODELS}/{GATEWAY}",
        headers={"Authorization": f"Bearer {token}"},
        verify=False,  # noqa: S501 - its certificate is this test's own
    )
    assert answer.status_code == 200, answer.text
    freed(cluster, cluster.get("gateways.paceline.dev", GATEWAY, "-n", MODELS), DOORWAY)
    for plural in DOORWAY:
        for ours in names(cluster, plural, "paceline.dev/gateway"):
            healed(cluster, ours)
    cluster.kubectl("delete", "gateways.paceline.dev", GATEWAY, "-n", MODELS, "--timeout=30s")
    cluster.kubectl("delete", "consumer", CONSUMER, "-n", MODELS, "--timeout=30s")


def live(cluster):
    """A model's life, as far as it takes the operator: made, changed, freed of strays, healed, deleted."""
    look_up(cluster)
    cluster.apply(MANIFEST, namespace=MODELS)
    for plural in CHILDREN:
        eventually(lambda plural=plural: names(cluster, plural), f"there is one of {plural}")
    eventually(
        lambda: cluster.get("mdep", MODEL, "-n", MODELS).get("status", {}).get("conditions"), "the model has a status"
    )
    freed(cluster, cluster.get("mdep", MODEL, "-n", MODELS), (*CHILDREN, *LOOKUP))
    for plural in CHILDREN:
        (ours,) = names(cluster, plural)
        healed(cluster, ours)
    change_again(cluster)
    forget(cluster)
    cluster.kubectl("delete", "mdep", MODEL, "-n", MODELS, "--timeout=30s")
    # A problem, for that is what Events tell.
    nowhere = {**MANIFEST["spec"], "hardware": {"profile": "nowhere"}}
    cluster.apply({**MANIFEST, "metadata": {"name": "lost", "namespace": MODELS}, "spec": nowhere}, namespace=MODELS)
    eventually(lambda: "UnknownProfile" in cluster.kubectl("get", "events", "-n", MODELS), "an Event tells the problem")
    cluster.kubectl("delete", "mdep", "lost", "-n", MODELS, "--timeout=30s")


def configured(cluster, folder, agents):
    """The chart's configuration, with the port and the certificate of the test for agents."""
    for name, content in zip(("tls.crt", "tls.key"), certificate_for("localhost"), strict=True):
        (folder / name).write_bytes(content)
    (folder / "ca.crt").write_bytes((folder / "tls.crt").read_bytes())
    config = yaml.safe_load(cluster.get("configmap", "paceline-operator", "-n", SYSTEM)["data"]["config.yaml"])
    config["gateways"]["tlsFolder"] = str(folder)
    config["server"]["agentsPort"] = agents
    return yaml.safe_dump(config)


@pytest.fixture(scope="module")
def account(cluster, tmp_path_factory):
    """The operator's account, after an operator with its rights has lived."""
    if cluster.local is None or not cluster.local.options.audit:
        pytest.skip("this cluster shows no audit log: take one made by the tests, or `paceline local up --audit-log`")
    cluster.install_kinds()
    folder = tmp_path_factory.mktemp("rbac")
    (folder / "values.yaml").write_text(json.dumps(VALUES))
    options = ("--namespace", SYSTEM, "--create-namespace", "--values", folder / "values.yaml")
    done = run("upgrade", "--install", "paceline", CHART, *options, kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr
    account = Account(cluster, SYSTEM, "paceline-operator")
    config = folder / "config.yaml"
    agents = free_port()
    config.write_text(configured(cluster, folder, agents))
    command = [sys.executable, "-m", "paceline", "operator", "--config", config, "--metrics-port", "18080"]
    command += ["--health-port", "18081", "--kubeconfig", account.kubeconfig(folder)]
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log) as operator:
        try:
            live(cluster)
            serve(cluster, agents)
            operator.send_signal(signal.SIGTERM)
            assert operator.wait(timeout=10) == 0, (folder / "log").read_text()[-3000:]
        finally:
            operator.kill()
    yield account
    run("uninstall", "paceline", "--namespace", SYSTEM, kubeconfig=cluster.kubeconfig)
    for namespace in (SYSTEM, MODELS, ENABLED):
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def granted(account, *namespaces):
    return {Right(r.group, r.resource, r.verb) for namespace in namespaces for r in account.rights(namespace)}


def audit(account):
    return account.requests(account.cluster.local.logs / "audit.log")


def test_nothing_that_the_operator_asks_for_is_refused(account):
    refused = {
        (event["verb"], event["requestURI"]) for event in audit(account) if event["responseStatus"]["code"] == 403
    }
    assert refused == set()


def test_nothing_is_granted_that_the_operator_does_not_use(account):
    seen = used(audit(account))
    assert len(seen) > 20
    assert granted(account, MODELS, SYSTEM) - seen - UNSEEN == set()


def test_nothing_is_used_that_is_not_granted(account):
    assert used(audit(account)) - granted(account, MODELS, SYSTEM) == set()


def test_the_operator_reads_the_keys_of_consumers_only_and_looks_outside_its_namespaces_never(account):
    for event in audit(account):
        what = event["objectRef"]
        assert what["resource"] not in {"namespaces", "nodes"}
        known = {f"{CONSUMER}-key", "paceline-tls", "paceline-tls-ca"}
        assert what["resource"] != "secrets" or event["verb"] == "create" or what["name"] in known
        if what["resource"] != "tokenreviews":
            assert what.get("namespace") in {MODELS, SYSTEM}, event["requestURI"]


def test_a_leaked_token_is_worth_what_was_reviewed(account):
    lines = []
    places = {
        "its own namespace": SYSTEM,
        "a watched namespace": MODELS,
        "any other namespace": "kube-system",
    }
    for place, namespace in places.items():
        lines.append(f"{place}:")
        by_resource = {}
        for right in sorted(account.rights(namespace)):
            of = f" named {', '.join(right.named)}" if right.named else ""
            by_resource.setdefault(f"{right.resource} ({right.group or 'core'}){of}", []).append(right.verb)
        lines += [f"  {resource}: {', '.join(verbs)}" for resource, verbs in by_resource.items()] or ["  nothing"]
    golden("rbac/namespaced.txt", "\n".join(lines) + "\n")


def test_what_enable_prints_grants_the_same_as_the_chart(account):
    cluster = account.cluster
    cluster.kubectl("create", "namespace", ENABLED)
    command = [sys.executable, "-m", "paceline", "enable", ENABLED, "--operator-namespace", SYSTEM]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=dict(os.environ))
    cluster.kubectl("apply", "-f", "-", stdin=printed.stdout)
    assert granted(account, ENABLED) == granted(account, MODELS)
