"""A few calls to a cluster's API server as its administrator."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from paceline.local.errors import LocalError

_PATCH = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Client:
    """Used as a context manager.

    Args:
        server: URL of the API server.
        pki: Folder with `ca.crt` and the administrator's pair.
    """

    def __init__(self, server: str, pki: Path) -> None:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        # Proxies of the environment know no way to the cluster.
        self._http = httpx.Client(base_url=server, verify=context, timeout=10, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ready(self) -> bool:
        """Whether the API server says that it is ready; False where nothing answers."""
        try:
            return self._http.get("/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def call(self, method: str, path: str, body: Any = None, *, patch: str = "") -> dict[str, Any]:
        """One request.

        Args:
            method: HTTP method.
            path: With its query.
            body: Sent as JSON.
            patch: "json", "merge" or "apply" for PATCH requests.

        Returns:
            The answer; empty for 404.

        Raises:
            LocalError: the server refuses or does not answer.
        """
        headers = {"content-type": _PATCH.get(patch, "application/json")}
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise LocalError(
                f"The API server does not answer {method} {path}: {error!r}.", "See the logs folder."
            ) from error
        if answer.status_code == 404:
            return {}
        if answer.is_error:
            raise LocalError(f"The API server refused {method} {path}: {answer.text[:500]}", "")
        found: dict[str, Any] = answer.json()
        return found

    def node_ready(self, name: str, since: datetime) -> bool:
        """Whether that node is Ready by a report made after `since`, and pods can be made.

        A node keeps its old conditions while its kubelet is away, so a kubelet that was just
        started counts only once it has reported itself.
        """
        conditions = self.call("GET", f"/api/v1/nodes/{name}").get("status", {}).get("conditions", [])
        for each in conditions:
            if each["type"] == "Ready" and each["status"] == "True":
                reported = datetime.fromisoformat(each["lastHeartbeatTime"])
                # Admission refuses pods until the controllers have made this account.
                account = "/api/v1/namespaces/default/serviceaccounts/default"
                return reported >= since and bool(self.call("GET", account))
        return False
