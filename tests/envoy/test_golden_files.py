"""Each golden file is what a real Envoy takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from paceline.gateway import envoy
from tests.support.certificates import certificate_for
from tests.support.envoy import Files, free_ports, started, validate
from tests.support.golden import ROOT
from tests.support.inlined import inlined

GOLDEN = ROOT / "gateway"
CASES = sorted(path.name for path in GOLDEN.iterdir())


def mounted(folder: Path) -> None:
    """What Kubernetes mounts into the pod: tokens, a certificate, authorities."""
    certificate, private = certificate_for("llm.example.com")
    content = {"tls/tls.crt": certificate, "tls/tls.key": private, "ca.crt": certificate}
    content |= dict.fromkeys(("engines/support/token", "providers/openai/token", "token"), b"token\n")
    for place, data in content.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files(case: str, folder: Path) -> dict[str, Any]:
    """A case's golden files, with the folders of the pod below a folder of the test."""
    mounted(folder)
    found = {}
    for path in sorted((GOLDEN / case).rglob("*.yaml")):
        text = path.read_text().replace("/etc/paceline", str(folder)).replace("/var/log/paceline", str(folder))
        text = text.replace("/var/run/secrets/paceline", str(folder))
        text = text.replace("/etc/ssl/certs/ca-certificates.crt", str(folder / "ca.crt"))
        found[path.relative_to(GOLDEN / case).with_suffix("").as_posix()] = yaml.safe_load(text)
    Files(folder / "envoy").write(envoy.scripts())
    return found


@pytest.mark.parametrize("case", CASES)
def test_it_is_valid(case: str, tmp_path: Path) -> None:
    assert not validate(inlined(files(case, tmp_path)), tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_it_is_taken_from_files(case: str, tmp_path: Path) -> None:
    documents = files(case, tmp_path)
    listening, admin, *_ = ports = free_ports(3)
    for listener, port in zip(documents["lds"]["resources"], (listening, ports[2]), strict=False):
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    documents["bootstrap"]["admin"]["address"]["socket_address"]["port_value"] = admin
    Files(tmp_path / "envoy").write({f"{name}.json": document for name, document in documents.items()})
    with started(tmp_path / "envoy", admin, tmp_path / "envoy.log") as proxy:
        assert not proxy.rejected()
        assert f"127.0.0.1:{listening}" in proxy.admin("/listeners")
        assert "error_state" not in proxy.admin("/config_dump")


def test_a_field_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    documents = files("minimal", tmp_path)
    documents["cds"]["resources"][0]["nosuch_field"] = 1
    assert "nosuch_field" in validate(inlined(documents), tmp_path)
