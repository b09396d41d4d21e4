"""checkov on all that is installed or made: every failure has a written reason, every reason a failure."""

from pathlib import Path

import pytest
import yaml

from paceline.cli.enable import manifest
from tests.support.children import EXAMPLES, children
from tests.support.helm import CASE_NAMES, CHART, ROOT, render
from tests.support.scan import failures, reasons

GATEWAYS = sorted((ROOT / "tests" / "golden" / "render-gateway").iterdir())
REASONS = reasons(Path(__file__).parent / "reasons.yaml")


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """Failures by target. Targets are scanned apart, or a NetworkPolicy of one would cover the pods of another."""
    texts = {name: render(values=CHART / "ci" / f"{name}.yaml") for name in CASE_NAMES}
    texts["enable"] = manifest("team-a", "paceline-system", "paceline-operator")
    texts |= {f"example {path.stem}": yaml.safe_dump_all(children(path)) for path in EXAMPLES}
    texts |= {f"gateway {path.name}": (path / "out.yaml").read_text() for path in GATEWAYS}
    found = {}
    for target, text in texts.items():
        folder = tmp_path_factory.mktemp("scan")
        (folder / "objects.yaml").write_text(text)
        passed, found[target] = failures(folder)
        assert passed > 3, f"checkov looked at nothing in {target}"
    return found


def applying(target):
    """The reasons for one target: those of its family, and its own."""
    families = {"example": "children", "gateway": "gateways"}
    return REASONS.get(families.get(target.partition(" ")[0], "chart"), []) + REASONS.get(target, [])


@pytest.mark.timeout(900)
def test_every_failure_has_a_written_reason(scanned):
    unexplained = [
        f"{target}: {failure.check} {failure.resource}: {failure.text}"
        for target, failed in scanned.items()
        for failure in failed
        if not any(reason.covers(failure) for reason in applying(target))
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_reason_is_still_needed(scanned):
    used = {
        reason
        for target, failed in scanned.items()
        for failure in failed
        for reason in applying(target)
        if reason.covers(failure)
    }
    assert [reason for entries in REASONS.values() for reason in entries if reason not in used] == []


def test_every_reason_is_a_sentence():
    for entries in REASONS.values():
        for reason in entries:
            assert len(reason.reason.split()) >= 5, reason
            assert reason.reason.strip().endswith("."), reason


def test_the_scanner_finds_what_is_wrong(tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, namespace: bad}\n"
        "spec:\n  hostNetwork: true\n  containers: [{name: bad, image: bad, securityContext: {privileged: true}}]\n"
    )
    _, failed = failures(tmp_path)
    assert {"CKV_K8S_16", "CKV_K8S_19"} <= {failure.check for failure in failed}
