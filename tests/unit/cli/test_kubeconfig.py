"""Which cluster is meant, and what is said when none is, or when its file cannot be used."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes.config import ConfigException

from paceline.cli import kubeconfig
from paceline.cli.console import CliError, ExitCode
from paceline.cli.kubeconfig import Access, locate


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without anything."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def write(path: Path, user: dict[str, Any], server: str = "https://one:6443", **context: Any) -> str:
    contexts = [
        {"name": "one", "context": {"cluster": "c", "user": "u", **context}},
        {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "second"}},
    ]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": contexts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_the_current_context_gives_server_namespace_and_token(home: Path) -> None:
    access = locate(write(home / "kc", {"token": "abc"}, namespace="mine"))
    assert (access.host, access.namespace) == ("https://one:6443", "mine")
    assert access.headers() == {"Authorization": "Bearer abc"}
    assert "abc" not in repr(access)


def test_a_named_context_is_used_and_a_missing_namespace_is_default(home: Path) -> None:
    path = write(home / "kc", {})
    assert locate(path, "two").namespace == "second"
    assert locate(path).namespace == "default"
    assert locate(path).headers() == {}


def test_the_environment_wins_over_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".kube" / "config", {}, server="https://home")
    assert locate().host == "https://home"
    monkeypatch.setenv("KUBECONFIG", write(home / "other", {}, server="https://environment"))
    assert locate().host == "https://environment"


def test_an_exec_plugin_gives_the_token(home: Path) -> None:
    credential = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}'
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo", "args": [credential]}
    assert locate(write(home / "kc", {"exec": plugin})).headers() == {"Authorization": "Bearer t"}


def test_an_exec_plugin_that_fails_is_told_with_its_words(home: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login-tool", "args": []}
    with pytest.raises(CliError, match="no-such-login-tool") as caught:
        locate(write(home / "kc", {"exec": plugin}))
    assert "credential plugin" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "current-context: x\n", "not a mapping"],
    ids=["empty", "no-yaml", "no-lists", "text"],
)
def test_a_file_that_is_no_kubeconfig_is_named(text: str, home: Path) -> None:
    path = home / "kc"
    path.write_text(text)
    with pytest.raises(CliError, match=str(path)) as caught:
        locate(str(path))
    assert caught.value.code == ExitCode.FAILED


def test_an_unknown_context_is_named(home: Path) -> None:
    with pytest.raises(CliError, match="three"):
        locate(write(home / "kc", {}), "three")


def test_without_any_cluster_the_remedy_is_to_start_one() -> None:
    with pytest.raises(CliError, match="no cluster is configured") as caught:
        locate()
    assert caught.value.code == ExitCode.UNREACHABLE
    assert "paceline local up" in caught.value.remedy


def test_the_only_embedded_cluster_is_used_and_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home / "state" / "paceline" / "local" / "demo" / "kubeconfig", {}, server="https://embedded")
    assert locate().host == "https://embedded"
    assert "using the embedded cluster demo" in capsys.readouterr().err


def test_of_several_embedded_clusters_one_must_be_chosen(home: Path) -> None:
    for name in ("a", "b"):
        write(home / "state" / "paceline" / "local" / name / "kubeconfig", {})
    with pytest.raises(CliError, match="2 embedded clusters") as caught:
        locate()
    assert "export KUBECONFIG=" in caught.value.remedy


def test_a_kubeconfig_is_usual_where_commands_find_it_by_themselves(home: Path) -> None:
    first = write(home / "state" / "paceline" / "local" / "a" / "kubeconfig", {})
    assert kubeconfig.is_usual(first)
    write(home / "state" / "paceline" / "local" / "b" / "kubeconfig", {})
    assert not kubeconfig.is_usual(first)
    own = write(home / ".kube" / "config", {})
    assert not kubeconfig.is_usual(first)
    assert kubeconfig.is_usual(own)


def test_in_a_pod_the_service_account_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(client_configuration: Access) -> None:
        client_configuration.host = "https://10.96.0.1"
        client_configuration.api_key["authorization"] = "bearer pod"

    namespace = home / "namespace"
    namespace.write_text("inside\n")
    monkeypatch.setattr(kubeconfig, "NAMESPACE_FILE", namespace)
    monkeypatch.setattr(kubeconfig.config, "load_incluster_config", load)
    access = locate()
    assert (access.host, access.namespace) == ("https://10.96.0.1", "inside")
    assert access.headers() == {"Authorization": "bearer pod"}
    namespace.unlink()
    assert locate().namespace == "default"


def test_outside_of_a_pod_the_reader_of_the_kubernetes_package_says_so() -> None:
    with pytest.raises(ConfigException):
        kubeconfig.config.load_incluster_config()


def test_tls_checks_the_server_unless_the_kubeconfig_says_otherwise() -> None:
    assert Access().tls().verify_mode is ssl.CERT_REQUIRED
    assert Access(verify_ssl=False).tls().verify_mode is ssl.CERT_NONE


def test_a_client_certificate_from_the_kubeconfig_is_loaded(home: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")])
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2049))
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    user = {
        "client-certificate-data": base64.b64encode(pem).decode(),
        "client-key-data": base64.b64encode(private).decode(),
    }
    access = locate(write(home / "kc", user))
    assert access.cert_file
    assert access.tls().verify_mode is ssl.CERT_REQUIRED
