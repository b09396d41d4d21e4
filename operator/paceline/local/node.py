"""Settings of the real node: containerd, kubelet, kube-proxy and DNS; pure rendering."""

from __future__ import annotations

import json
from typing import Any

from paceline.local.cgroups import kubelet_root
from paceline.local.controlplane import Site
from paceline.local.pki import NODE
from paceline.local.processes import Component

#: Name of the image that holds a pod's namespaces; built here, for there is no registry to fetch one from.
PAUSE_IMAGE = "localhost/paceline-pause:1"
DOMAIN = "cluster.local"
#: Name under which pods find the host.
HOST_NAME = "host.paceline.internal"


def containerd(site: Site, cni_plugins: str) -> Component:
    """Containerd with every path of its own.

    Args:
        site: The cluster.
        cni_plugins: Folder of the CNI plugins.
    """
    state, run, config = site.folders.state, site.folders.run, site.folders.config
    # restrict_oom_score_adj: a process without CAP_SYS_RESOURCE cannot lower the score, and runc
    # then dies with "can't get final child's PID from pipe".
    # netns_mounts_under_state_dir: so that pods' namespaces are found and removed with the cluster.
    toml = f"""\
version = 2
root = "{state}/containerd"
state = "{run}/containerd"
[grpc]
  address = "{site.folders.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{run}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_plugins}"
    conf_dir = "{config}/cni"
"""
    files = {
        config / "containerd.toml": toml,
        config / "cni/10-paceline.conflist": json.dumps(cni(site), indent=2) + "\n",
    }
    return Component("containerd", ("containerd", "--config", str(config / "containerd.toml")), files)


def cni(site: Site) -> dict[str, Any]:
    """Pod network: one routed link for each pod.

    Not a bridge: on a bridge the answer of a Service's pod to its neighbour takes the short way
    past the address translation, unless the host's br_netfilter settings are changed.
    """
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": str(site.addresses.node_pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(site.folders.state / "pod-addresses"),
    }
    return {
        "cniVersion": "0.4.0",
        "name": network_name(site.folders.name),
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": ipam}],
    }


def network_name(name: str) -> str:
    """Name of the pod network; libcni's leftovers in /var/lib/cni carry it."""
    return f"paceline-{name}"


def kubelet(site: Site) -> Component:
    """The kubelet; its paths, cgroups and thresholds keep it out of the host's way."""
    folders = site.folders
    path = folders.config / "kubelet.json"
    arguments = (
        f"--config={path}",
        f"--kubeconfig={site.kubeconfig('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={site.addresses.node}",
        f"--root-dir={folders.state / 'kubelet'}",
    )
    files = {
        path: json.dumps(kubelet_configuration(site), indent=2) + "\n",
        folders.config / "resolv.conf": f"nameserver {site.addresses.node}\n",
    }
    return Component("kubelet", site.hyperkube("kubelet", *arguments), files)


def kubelet_configuration(site: Site) -> dict[str, Any]:
    """KubeletConfiguration of the node."""
    folders, pki = site.folders, site.folders.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "address": "0.0.0.0",  # noqa: S104 - inside the cluster's own network namespace
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{folders.socket}",
        "clusterDomain": DOMAIN,
        "clusterDNS": [str(site.addresses.node)],
        # Pods with dnsPolicy Default get the cluster's DNS too: the host's cannot be reached from inside.
        "resolvConf": str(folders.config / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": kubelet_root(folders.name),
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        # Images come from here and from nowhere else: one that is collected is gone.
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": str(folders.logs / "pods"),
        "volumePluginDir": str(folders.state / "volume-plugins"),
        "maxPods": 110,
        "registryPullQPS": 50,
        "registryBurst": 100,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        # Seconds rather than minutes until a changed ConfigMap or Secret reaches its pods.
        "syncFrequency": "10s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "shutdownGracePeriod": "0s",
    }


def proxy(site: Site) -> Component:
    """kube-proxy with nftables, whose fixed table name is why each cluster has a namespace of its own."""
    path = site.folders.config / "proxy.json"
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(site.addresses.pods),
        "clientConnection": {"kubeconfig": str(site.kubeconfig("proxy"))},
        "hostnameOverride": NODE,
        "metricsBindAddress": "127.0.0.1:10249",
        # Connection tracking limits belong to the host.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
    }
    files = {path: json.dumps(configuration, indent=2) + "\n"}
    return Component("proxy", site.hyperkube("kube-proxy", f"--config={path}"), files)


def dns(site: Site) -> Component:
    """CoreDNS on the node's address. Names outside the cluster are refused at once: there is no way out."""
    corefile = f"""\
.:53 {{
    bind {site.addresses.node}
    errors
    health {site.addresses.node}:8080
    ready {site.addresses.node}:8181
    hosts {{
        {site.addresses.host} {HOST_NAME}
        fallthrough
    }}
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {site.kubeconfig("dns")}
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
}}
"""
    path = site.folders.config / "Corefile"
    return Component("dns", (str(site.binaries["coredns"]), "-conf", str(path)), {path: corefile})
