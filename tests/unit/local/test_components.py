"""What each component is started with, as golden files under tests/golden/local/."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from paceline.local import controlplane, node
from paceline.local.addresses import Addresses
from paceline.local.controlplane import Site
from paceline.local.paths import Folders
from paceline.local.processes import Component
from tests.support.golden import check_no_strays, golden

SITE = Site(
    Folders("dev", Path("/state/dev"), Path("/run/paceline/dev")),
    Addresses(IPv4Network("10.201.0.0/16")),
    {tool: Path("/bin") / tool for tool in ("hyperkube", "etcd", "coredns", "kwok")},
)
AUDITED = dataclasses.replace(SITE, audit=True)
COMPONENTS = [
    controlplane.etcd(SITE),
    controlplane.apiserver(SITE),
    dataclasses.replace(controlplane.apiserver(AUDITED), name="apiserver-audited"),
    controlplane.controller_manager(SITE),
    controlplane.scheduler(SITE),
    node.containerd(SITE, "/usr/lib/cni"),
    node.kubelet(SITE),
    node.proxy(SITE),
    node.dns(SITE),
]


def text(component: Component) -> str:
    parts = ["\n    ".join(component.argv)]
    parts += [f"--- {path}\n{content.rstrip()}" for path, content in component.files.items()]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_a_component_is_started_as_its_golden_file_says(component: Component) -> None:
    golden(f"local/{component.name}.txt", text(component))


def test_every_golden_file_has_its_component() -> None:
    check_no_strays("local", {f"{component.name}.txt" for component in COMPONENTS})


def test_a_changed_setting_or_file_changes_the_digest_and_equal_ones_do_not() -> None:
    assert controlplane.apiserver(SITE).digest == controlplane.apiserver(dataclasses.replace(SITE)).digest
    assert controlplane.apiserver(SITE).digest != controlplane.apiserver(AUDITED).digest
    kubelet = node.kubelet(SITE)
    touched = dataclasses.replace(kubelet, files=dict.fromkeys(kubelet.files, "other"))
    assert kubelet.digest != touched.digest
