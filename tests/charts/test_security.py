"""Pod Security "restricted", no token where none is used, and no right beyond those enumerated."""

import pytest

from tests.support.helm import CASE_NAMES, case, objects, of_kind, only, pod_specs, render

RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"
}  # fmt: skip


READERS = ("paceline-ledger-reader", "pace-ledger-reader")


def rules(rendered):
    for role in of_kind(rendered, "Role", "ClusterRole"):
        for rule in role["rules"]:
            yield role["metadata"]["name"], rule


@pytest.mark.parametrize("name", CASE_NAMES)
def test_every_pod_meets_pod_security_restricted(name):
    specs = pod_specs(case(name))
    assert any(key.startswith("Deployment/") for key in specs)
    for spec in specs.values():
        assert not any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC"))
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == pod["runAsGroup"] == 65532
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= RESTRICTED_VOLUMES
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in own
            assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("name", CASE_NAMES)
def test_every_pod_keeps_the_rules_of_the_house(name):
    for spec in pod_specs(case(name)).values():
        assert spec["enableServiceLinks"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert "cpu" not in container["resources"]["limits"]
            assert not container["image"].endswith(":latest")
            for variable in container.get("env", []):
                assert "secretKeyRef" not in variable.get("valueFrom", {})


@pytest.mark.parametrize("name", CASE_NAMES)
def test_only_the_operator_gets_a_token(name):
    for key, spec in pod_specs(case(name)).items():
        assert spec["automountServiceAccountToken"] is key.startswith("Deployment/")
    for account in of_kind(case(name), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", CASE_NAMES)
def test_no_rule_has_a_wildcard_or_leads_to_more_rights(name):
    found = list(rules(case(name)))
    assert found
    for role, rule in found:
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not words & {"*", "escalate", "bind", "impersonate"}, role
        assert not any("*" in word for word in words), role
        assert "pods/exec" not in rule["resources"], role
        # Tokens of an account that may do nothing, for people who read the ledger.
        if "serviceaccounts/token" in rule["resources"]:
            assert (role, rule["resourceNames"]) in ((each, [each]) for each in READERS), role
        if "secrets" in rule["resources"]:
            # Those that Consumers name are read by their names; nobody lists them. Two that are ours are renewed.
            allowed = [["get", "update"]] if rule.get("resourceNames") else [["create"], ["get"]]
            assert rule["verbs"] in allowed, role
        assert "nonResourceURLs" not in rule, role


@pytest.mark.parametrize("name", CASE_NAMES)
def test_the_operator_cannot_write_what_users_write(name):
    for role, rule in rules(case(name)):
        if role in {"paceline-edit", "paceline-admin"}:
            continue
        if "modeldeployments" in rule["resources"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}, role
        if "nodes" in rule["resources"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}, role


def test_namespaced_mode_gives_the_operator_nothing_cluster_wide_but_to_ask_whose_a_token_is():
    (binding,) = of_kind(case("default"), "ClusterRoleBinding")
    roles = {role["metadata"]["name"]: role["rules"] for role in of_kind(case("default"), "ClusterRole")}
    (rule,) = roles.pop(binding["roleRef"]["name"])
    assert (rule["resources"], rule["verbs"]) == (["tokenreviews"], ["create"])
    assert set(roles) == {"paceline-view", "paceline-edit", "paceline-admin"}  # for people, bound to nobody here


def test_a_tenant_installs_nothing_outside_their_namespaces():
    for each in case("tenant"):
        assert each["metadata"]["namespace"] in {"paceline-system", "team-a", "team-b"}, each["kind"]


def test_nodes_are_readable_only_by_the_switch():
    readers = [name for name in CASE_NAMES for _, rule in rules(case(name)) if "nodes" in rule["resources"]]
    assert readers == ["cluster"]


def test_secrets_are_read_in_the_namespaces_with_consumers_only():
    def readers(*sets):
        roles = [each for each in objects(render(sets=sets)) if each["kind"] in {"Role", "ClusterRole"}]
        return [
            (role["kind"], role["metadata"].get("namespace"))
            for role in roles
            for rule in role.get("rules") or ()
            if "secrets" in rule["resources"] and "get" in rule["verbs"] and "resourceNames" not in rule
        ]

    assert readers() == [("Role", "default")]
    assert readers("gateway.enabled=false") == []
    assert readers("rbac.watchedNamespaces=false") == []
    assert readers("watch.mode=Cluster", "watch.namespaces=null") == []
    some = "gateway.keyNamespaces={team-b,team-a}"
    assert readers("watch.mode=Cluster", "watch.namespaces=null", some) == [("Role", "team-a"), ("Role", "team-b")]


def test_the_certificate_is_written_by_its_name_only_and_not_where_it_is_given():
    role = only(case("default"), "Role", "paceline-operator-tls")
    assert [(rule["verbs"], rule.get("resourceNames")) for rule in role["rules"]] == [
        (["create"], None),
        (["get", "update"], ["paceline-tls", "paceline-tls-ca"]),
    ]
    given = objects(render(sets=("gateway.tls.secretName=mine",)))
    assert "paceline-operator-tls" not in {each["metadata"]["name"] for each in given}


def test_the_lease_is_written_by_its_name_only():
    role = only(case("default"), "Role", "paceline-operator-lease")
    assert role["metadata"]["namespace"] == "paceline-system"
    for rule in role["rules"]:
        assert rule["resources"] == ["leases"]
        assert rule["verbs"] == ["create"] or rule["resourceNames"] == ["paceline-operator"]


@pytest.mark.parametrize("name", ["cluster", "full"])
def test_namespaces_that_the_chart_makes_enforce_restricted_and_outlive_the_release(name):
    metadata = only(case(name), "Namespace", "models")["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert metadata["annotations"]["helm.sh/resource-policy"] == "keep"


def test_user_roles_aggregate_into_the_built_in_ones():
    labels = {
        role: {
            key.rpartition("aggregate-to-")[2]
            for key in only(case("default"), "ClusterRole", role)["metadata"]["labels"]
            if "aggregate-to-" in key
        }
        for role in ("paceline-view", "paceline-edit", "paceline-admin")
    }
    assert labels == {
        "paceline-view": {"view", "edit", "admin"},
        "paceline-edit": {"edit", "admin"},
        "paceline-admin": {"admin"},
    }
