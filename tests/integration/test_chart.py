"""The charts through a real API server: installed, upgraded over live objects, taken away, and by whom."""

from __future__ import annotations

import json
import secrets
import shutil

import pytest
import yaml

from paceline.settings import OperatorSettings
from tests.support.cluster import running, unique_name
from tests.support.helm import CHART, CRDS_CHART, ROOT, run
from tests.support.waiting import wait_until

KIND = "modeldeployments.paceline.dev"
KINDS = (KIND, "gateways.paceline.dev", "consumers.paceline.dev")
AGGREGATED = "the user roles are aggregated, which is a controller's work and takes a moment"
# Nothing runs here: these tests are about what is installed, and no image is needed for that.
STILL = ("--set", "operator.replicas=0")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of its own, because kinds are taken away, which other tests of the session live on."""
    with running(unique_name()) as made:
        yield made


@pytest.fixture
def helm(cluster):
    """Helm for the test's cluster."""

    def call(*arguments):
        done = run(*arguments, kubeconfig=cluster.kubeconfig)
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    yield call
    for line in filter(str.strip, call("list", "-A", "--no-headers").splitlines()):
        release, namespace = line.split()[:2]
        call("uninstall", release, "-n", namespace)
    roles = ("paceline-view", "paceline-edit", "paceline-admin")
    cluster.kubectl("delete", "clusterrole", *roles, "--ignore-not-found")
    cluster.kubectl("delete", "crd", *KINDS, "--ignore-not-found", "--timeout=60s")


@pytest.fixture
def system(cluster):
    """A namespace for the release."""
    return new_namespace(cluster, "system")


@pytest.fixture
def team(cluster):
    """A namespace with models."""
    return new_namespace(cluster, "team")


def new_namespace(cluster, name):
    """A namespace that no other test has had; it goes with the cluster."""
    name = f"{name}-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    return name


def watching(namespace):
    return ("--set", f"watch.namespaces={{{namespace}}}")


def example():
    return yaml.safe_load((ROOT / "crds" / "examples" / "modeldeployment-minimal.yaml").read_text())


def may(cluster, namespace, user, verb, resource):
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "namespace": namespace,
                "verb": verb,
                "group": "paceline.dev",
                "resource": resource.partition("/")[0],
                "subresource": resource.partition("/")[2],
            },
        },
    }
    words = cluster.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(review))
    return json.loads(words)["status"]["allowed"]


def test_an_upgrade_brings_new_kinds_and_a_removal_keeps_every_object(cluster, helm, system, team, tmp_path):
    helm("install", "paceline", CHART, "-n", system, *STILL, *watching(team))
    cluster.apply(example(), namespace=team)
    before = cluster.get("mdep", "-n", team)["items"][0]["metadata"]["uid"]

    newer = tmp_path / "paceline"
    shutil.copytree(CHART, newer, symlinks=False)
    (copied,) = (newer / "charts" / "paceline-crds" / "files" / "crds").glob("modeldeployments*.yaml")
    copied.write_text(copied.read_text().replace("    shortNames:\n", "    shortNames:\n    - newer\n", 1))
    helm("upgrade", "paceline", newer, "-n", system, "--reset-then-reuse-values")
    assert "newer" in cluster.get("crd", KIND)["spec"]["names"]["shortNames"]
    assert cluster.get("deployment", "paceline-operator", "-n", system)["spec"]["replicas"] == 0

    said = helm("uninstall", "paceline", "-n", system)
    assert KIND in said
    assert cluster.get("mdep", "-n", team)["items"][0]["metadata"]["uid"] == before
    helm("install", "paceline", CHART, "-n", system, *STILL, *watching(team))  # what was kept is no obstacle


def test_a_default_taken_away_stays_away_through_later_upgrades(cluster, helm, system, team, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("profiles: {l4: {nodeSelector: {nvidia.com/gpu.product: null, zone: a}}, t4: null}")
    helm("install", "paceline", CHART, "-n", system, *STILL, *watching(team), "--values", values)
    for keep in ("--reset-then-reuse-values", "--reuse-values"):
        helm("upgrade", "paceline", CHART, "-n", system, keep)
        text = cluster.get("configmap", "paceline-operator", "-n", system)["data"]["config.yaml"]
        profiles = {each.name: each for each in OperatorSettings.parse(text).profiles}
        assert profiles["l4"].node_selector == {"zone": "a"}, keep
        assert "t4" not in profiles, keep


def test_a_namespaces_admin_installs_the_operator_without_any_other_right(cluster, helm, system, team):
    helm("install", "paceline-crds", CRDS_CHART, "-n", system)
    cluster.kubectl("create", "rolebinding", "owner", "-n", team, "--clusterrole=admin", "--user=owner")
    wait_until(lambda: may(cluster, team, "owner", "update", "modeldeployments/finalizers"), 30, AGGREGATED)
    # Gateways ask whose tokens are, which is a right of the whole cluster.
    values = ("--set", "crds.enabled=false,gateway.enabled=false", *STILL, *watching(team))
    helm("install", "paceline", CHART, "-n", team, *values, "--kube-as-user", "owner")
    assert cluster.get("role", "-n", team)["items"]
    helm("uninstall", "paceline", "-n", team, "--kube-as-user", "owner")


def test_users_get_their_rights_through_the_built_in_roles(cluster, helm, system, team):
    helm("install", "paceline-crds", CRDS_CHART, "-n", system)
    for role in ("view", "edit", "admin"):
        cluster.kubectl("create", "rolebinding", role, "-n", team, f"--clusterrole={role}", f"--user={role}")
    wait_until(lambda: may(cluster, team, "view", "watch", "modeldeployments"), 30, AGGREGATED)
    asked = ("list modeldeployments", "patch modeldeployments", "patch modeldeployments/scale")
    asked += ("patch modeldeployments/status", "deletecollection modeldeployments")
    table = {role: [q for q in asked if may(cluster, team, role, *q.split())] for role in ("view", "edit", "admin")}
    assert table == {"view": list(asked[:1]), "edit": list(asked[:3]), "admin": list(asked)}
