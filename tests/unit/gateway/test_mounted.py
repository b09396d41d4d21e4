"""Which Secrets a gateway's pods mount."""

from __future__ import annotations

from paceline.gateway.ir import Cluster, Gateway, Listener, Pods, Tls
from paceline.gateway.mounted import mounted

FOLDER = "/etc/paceline/secrets"


def cluster(name: str, file: str) -> Cluster:
    return Cluster(name, Pods(), "m", credential_file=file)


def gateway(*clusters: Cluster, tls: Tls | None = None) -> Gateway:
    return Gateway("public", "models", Listener(8080, tls=tls), clusters=clusters)


def test_each_secret_is_mounted_with_all_of_its_keys_that_are_read():
    made = gateway(
        cluster("a", f"{FOLDER}/providers/openai"),
        cluster("b", f"{FOLDER}/providers/azure"),
        cluster("c", f"{FOLDER}/engine/key"),
        cluster("d", ""),
        tls=Tls(f"{FOLDER}/public-tls/tls.crt", f"{FOLDER}/public-tls/tls.key"),
    )
    assert mounted(made, FOLDER) == {
        "engine": ("key",),
        "providers": ("azure", "openai"),
        "public-tls": ("tls.crt", "tls.key"),
    }


def test_a_gateway_without_tokens_and_certificate_mounts_nothing():
    assert mounted(gateway(cluster("a", "")), FOLDER) == {}


def test_files_that_are_no_secrets_of_kubernetes_are_not_mounted():
    assert mounted(gateway(cluster("a", "/elsewhere/x/y")), FOLDER) == {}
