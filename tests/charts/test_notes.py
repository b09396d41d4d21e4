"""What helm prints after an installation: three commands to go on with, and warnings of unsafe settings."""

import pytest

from tests.support.helm import CHART, run


def notes(*sets):
    options = [part for each in sets for part in ("--set", each)]
    done = run("install", "--dry-run=client", "paceline", CHART, "--namespace", "paceline-system", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nNOTES:\n")[2]


def test_three_commands_come_next():
    commands = [line.split()[:2] for line in notes().splitlines() if line.startswith("  ") and line[2:3].isalpha()]
    assert [each for each in commands if each[0] in {"kubectl", "helm"}] == [
        ["kubectl", "label"],
        ["helm", "test"],
        ["kubectl", "apply"],
    ]


def test_the_defaults_are_safe():
    assert "WARNING" not in notes()


@pytest.mark.parametrize(
    ("setting", "warning"),
    [
        ("watch.mode=Cluster", "as good as reading every Secret"),
        ("crds.keep=false", "deletes every model in the cluster"),
        ("networkPolicy.enabled=false", "Every pod can reach the operator"),
    ],
)
def test_an_unsafe_setting_is_called_out(setting, warning):
    assert "WARNING" in notes(setting)
    assert warning in notes(setting)


def test_rights_that_the_release_does_not_grant_come_with_the_command_that_does():
    text = notes("rbac.watchedNamespaces=false", "serviceAccount.name=mine")
    assert "paceline enable NAMESPACE --operator-namespace paceline-system --service-account mine" in text
