"""What kinds are translated into is what a real Envoy takes: every golden case, from objects to files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from paceline.gateway import envoy
from paceline.gateway.translate import Translation, translate
from tests.support.certificates import certificate_for
from tests.support.envoy import Files, validate
from tests.support.golden import ROOT
from tests.support.inlined import inlined
from tests.support.translating import World

GOLDEN = ROOT / "gateway-translate"
CASES = sorted(path.name for path in GOLDEN.iterdir())


def mounted(found: Translation, folder: Path) -> None:
    """What Kubernetes mounts into the pod."""
    certificate, private = certificate_for("llm.example.com")
    content = {"tls.crt": certificate, "tls.key": private}
    for secret, keys in found.mounts.items():
        (folder / secret).mkdir(parents=True)
        for key in keys:
            (folder / secret / key).write_bytes(content.get(key, b"token\n"))


@pytest.mark.parametrize("case", CASES)
def test_it_is_valid(case: str, tmp_path: Path) -> None:
    world = World((GOLDEN / case / "in.yaml").read_text())
    seen, authorities = world.observation, tmp_path / "ca.crt"
    authorities.write_bytes(certificate_for("llm.example.com")[0])
    token = tmp_path / "token"
    token.write_text("token")
    ledger = replace(seen.site.ledger, ca_file=str(authorities), token_file=str(token))
    folder = tmp_path / "secrets"
    site = replace(seen.site, folder=str(folder), ca_file=str(authorities), ledger=ledger)
    found = translate(replace(seen, site=site), world.secrets)
    mounted(found, folder)
    gateway = replace(found.gateway, log_file=str(tmp_path / "requests.jsonl"))
    files = envoy.documents_of(gateway, world.secrets, str(tmp_path / "envoy"))
    Files(tmp_path / "envoy").write(envoy.scripts())
    assert not validate(inlined({name.removesuffix(".json"): each for name, each in files.items()}), tmp_path)
