"""`paceline enable NAMESPACE`: what a namespace's owner reads and applies."""

import pytest
import yaml

from paceline.cli.access import RULES, Rule, rules_yaml
from paceline.cli.main import run


def enabled(capsys, *arguments):
    assert run(["enable", *arguments]) == 0
    return capsys.readouterr().out


def test_it_prints_a_role_and_its_binding_for_the_operator(capsys):
    role, binding = yaml.safe_load_all(enabled(capsys, "team-a"))
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "team-a")
    assert (binding["kind"], binding["metadata"]["namespace"]) == ("RoleBinding", "team-a")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "paceline-operator", "namespace": "paceline-system"}
    ]


def test_the_operator_may_live_elsewhere_under_another_account(capsys):
    out = enabled(capsys, "team-a", "--operator-namespace", "ops", "--service-account", "pace")
    _, binding = yaml.safe_load_all(out)
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "pace", "namespace": "ops"}]


def test_it_says_how_to_enforce_pod_security_and_what_the_rights_amount_to(capsys):
    out = enabled(capsys, "team-a")
    assert "#     kubectl label namespace team-a pod-security.kubernetes.io/enforce=restricted" in out
    assert "watch.namespaces" in out
    assert "mount every Secret" in out


def test_each_rule_says_what_it_is_for():
    text = rules_yaml()
    assert text.count("# ") == len(RULES)
    assert [rule["verbs"] for rule in yaml.safe_load(text)] == [list(rule.verbs) for rule in RULES]
    assert {"", "apps"} <= {rule["apiGroups"][0] for rule in yaml.safe_load(text)}


def test_no_verb_is_granted_twice():
    pairs = [(rule.group, resource, verb) for rule in RULES for resource in rule.resources for verb in rule.verbs]
    assert len(pairs) == len(set(pairs))
    assert Rule("", "", ("pods",), ("get",)).group == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("Team_A",),
        ("a" * 64,),
        ("team-a: x",),
        ("team-a\nkind: ClusterRole",),
        ("team-a", "--operator-namespace", "-ops"),
        ("team-a", "--service-account", "pace/line"),
    ],
)
def test_a_name_that_cannot_exist_is_refused_with_a_remedy(capsys, arguments):
    assert run(["enable", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cannot be the name" in printed.err
    assert "lower-case letters" in printed.err
