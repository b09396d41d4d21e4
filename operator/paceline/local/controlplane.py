"""Command lines of etcd, the API server, the controllers and the scheduler: pure rendering."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from paceline.local.addresses import Addresses
from paceline.local.paths import Folders
from paceline.local.processes import Component

_ETCD = "http://127.0.0.1:2379"
_ETCD_PEER = "http://127.0.0.1:2380"
#: The default of 20 requests a second stretches a test with a thousand objects to minutes.
_RATES = ("--kube-api-qps=200", "--kube-api-burst=400")


@dataclass(frozen=True)
class Site:
    """Everything that rendering a component needs.

    Attributes:
        folders: Of the cluster.
        addresses: Of the cluster.
        binaries: Tool name to its path.
        audit: Whether the API server writes an audit log.
    """

    folders: Folders
    addresses: Addresses
    binaries: dict[str, Path]
    audit: bool = False

    def hyperkube(self, component: str, *arguments: str) -> tuple[str, ...]:
        """Command line of one Kubernetes component."""
        return (str(self.binaries["hyperkube"]), component, *arguments)

    def kubeconfig(self, client: str) -> Path:
        """Where that client's kubeconfig lies."""
        return self.folders.config / f"{client}.kubeconfig"


def etcd(site: Site) -> Component:
    """Without fsync: a killed process loses nothing, a killed machine may; here that is the right trade."""
    argv = (
        str(site.binaries["etcd"]),
        f"--data-dir={site.folders.state / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={_ETCD_PEER}",
        f"--initial-advertise-peer-urls={_ETCD_PEER}",
        f"--initial-cluster=default={_ETCD_PEER}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Component("etcd", argv)


def apiserver(site: Site) -> Component:
    """The API server, open to the host over the link and to pods over Service `kubernetes`."""
    pki = site.folders.pki
    arguments = [
        f"--etcd-servers={_ETCD}",
        f"--service-cluster-ip-range={site.addresses.services}",
        f"--advertise-address={site.addresses.node}",
        "--bind-address=0.0.0.0",
        "--secure-port=6443",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--endpoint-reconciler-type=lease",
    ]
    files: dict[Path, str] = {}
    if site.audit:
        policy = site.folders.config / "audit-policy.yaml"
        files[policy] = json.dumps(audit_policy(), indent=2) + "\n"
        arguments += [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={site.folders.logs / 'audit.log'}",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=3",
        ]
    return Component("apiserver", site.hyperkube("kube-apiserver", *arguments), files)


def audit_policy() -> dict[str, object]:
    """Who did what to which object; bodies are left out, so no Secret reaches the log."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
            {"level": "Metadata"},
        ],
    }


def controller_manager(site: Site) -> Component:
    """All controllers, at a rate fit for scale tests."""
    pki = site.folders.pki
    arguments = (
        f"--kubeconfig={site.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        *_RATES,
    )
    return Component("controller-manager", site.hyperkube("kube-controller-manager", *arguments))


def scheduler(site: Site) -> Component:
    """The scheduler, at a rate fit for scale tests."""
    arguments = (
        f"--kubeconfig={site.kubeconfig('scheduler')}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        *_RATES,
    )
    return Component("scheduler", site.hyperkube("kube-scheduler", *arguments))
