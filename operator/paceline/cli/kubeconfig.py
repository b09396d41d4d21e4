"""Which cluster the command line talks to, and as whom.

Reading kubeconfig files (several of them, exec plugins, data inside or beside the file) is left to the
`kubernetes` package; only its reader is used, requests go through httpx.
"""

from __future__ import annotations

import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from kubernetes import config

from paceline.cli.console import CliError, ExitCode, fail, hint
from paceline.local import paths

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass
class Access:
    """Where the API server is and what proves who we are; filled by the kubernetes package's reader."""

    host: str = ""
    namespace: str = "default"
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_ssl: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    api_key: dict[str, str] = field(default_factory=dict, repr=False)
    refresh_api_key_hook: Any = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """The Authorization header, where a token is used."""
        token = self.api_key.get("BearerToken") or self.api_key.get("authorization")
        return {"Authorization": token} if token else {}

    def tls(self) -> ssl.SSLContext:
        """The TLS settings: the cluster's CA, and the client's certificate where there is one."""
        context = ssl.create_default_context(cafile=self.ssl_ca_cert)
        # Many clusters' own CAs lack the key identifiers that Python 3.13 began to insist on.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


def locate(kubeconfig: str = "", context: str = "") -> Access:
    """Find the cluster: the given file, KUBECONFIG, ~/.kube/config, the pod's own account, the one embedded cluster.

    Args:
        kubeconfig: Path of a kubeconfig file; empty for the usual places.
        context: Name of a context in it; empty for the current one.

    Raises:
        CliError: with UNREACHABLE where no cluster is configured, FAILED where the file cannot be used.
    """
    files = kubeconfig or user_files()
    if not any(Path(name).is_file() for name in files.split(os.pathsep)):
        found = _in_cluster()
        if found:
            return found
        files = str(_embedded(files))
    access, complaints = Access(), _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        read = cast("Any", config)  # an untyped package
        read.load_kube_config(files, context=context or None, client_configuration=access, persist_config=False)
        contexts, current = read.list_kube_config_contexts(files)
    except (config.ConfigException, OSError, ValueError, TypeError, yaml.YAMLError) as error:
        fail(
            f"the kubeconfig {files} cannot be used: {error}",
            "look at it with `kubectl config view`, or name another one in KUBECONFIG",
        )
    finally:
        logging.getLogger().removeHandler(complaints)
    if complaints.texts:
        fail(
            f"the kubeconfig {files} gives no credentials: {complaints.texts[0]}",
            "run the credential plugin by hand, or log in again with your provider's tool",
        )
    chosen = next((c for c in contexts if c["name"] == context), current)
    access.namespace = chosen["context"].get("namespace") or "default"
    return access


class _Complaints(logging.Handler):
    """Collects what the kubeconfig reader only logs, such as an exec plugin that failed."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of one record."""
        self.texts.append(record.getMessage())


def user_files() -> str:
    """The kubeconfig files that every client of Kubernetes would read."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def embedded_files() -> list[Path]:
    """The kubeconfigs of this user's embedded clusters."""
    return sorted(paths.state_root().glob("*/kubeconfig"))


def is_usual(kubeconfig: str) -> bool:
    """Would a command find this kubeconfig without being told?"""
    files = user_files()
    if any(Path(name).is_file() for name in files.split(os.pathsep)):
        return kubeconfig == files
    return [str(path) for path in embedded_files()] == [kubeconfig]


def _in_cluster() -> Access | None:
    """The pod's own service account; None outside of a pod."""
    access, read = Access(), cast("Any", config)
    try:
        read.load_incluster_config(client_configuration=access)
    except config.ConfigException:
        return None
    if NAMESPACE_FILE.is_file():
        access.namespace = NAMESPACE_FILE.read_text().strip()
    return access


def _embedded(files: str) -> Path:
    """The kubeconfig of the only embedded cluster of this user.

    Raises:
        CliError: UNREACHABLE where there is none, or more than one.
    """
    found = embedded_files()
    if len(found) == 1:
        hint(f"using the embedded cluster {found[0].parent.name}")
        return found[0]
    start = "start a cluster with `paceline local up`" if not found else f"choose one: export KUBECONFIG={found[0]}"
    count = f" and there are {len(found)} embedded clusters" if found else ""
    words = f"no cluster is configured: {files} does not exist{count}."
    raise CliError(words, f"{start}, or name yours in KUBECONFIG", ExitCode.UNREACHABLE)
