"""From neutral routes to the files that Envoy reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from paceline.gateway import lua
from paceline.gateway.envoy import credentials
from paceline.gateway.envoy.bootstrap import PEERS, bootstrap
from paceline.gateway.envoy.clusters import clusters
from paceline.gateway.envoy.documents import Document, resources
from paceline.gateway.envoy.endpoints import assignment, endpoints_file, servers
from paceline.gateway.envoy.filters import DENY, REQUESTS_LIMIT, TOKENS_LIMIT
from paceline.gateway.envoy.limits import deny_list, requests_limit, tokens_limit
from paceline.gateway.envoy.listener import listeners
from paceline.gateway.envoy.rewriting import checks
from paceline.gateway.envoy.routes import routes
from paceline.gateway.ir import Denied, Gateway, Pods

__all__ = ["bootstrap", "denials", "documents_of", "scripts"]


def documents_of(gateway: Gateway, secrets: Mapping[str, str], folder: str) -> dict[str, Document]:
    """Every file of a gateway that has no problems, by its place in `folder`.

    They come in the order in which they may be written, each after those that it refers to. A cluster that is no
    longer there goes from cds.json only after it went from rds.json, or requests fail in between.

    Args:
        gateway: Neutral routes in which `check` finds no problem.
        secrets: Keys of consumers by their reference.
        folder: Where the proxy finds the files.
    """
    files: dict[str, Document] = {}
    for cluster in gateway.clusters:
        if isinstance(cluster.servers, Pods):
            files[f"eds/{cluster.name}.json"] = endpoints_file(servers(cluster.name, cluster.servers))
        if cluster.credential_file:
            files[f"sds/{cluster.name}.json"] = credentials.token(cluster.name, cluster.credential_file)
    for service in gateway.services:
        if service.token_file:
            files[f"sds/{service.name}.json"] = credentials.token(service.name, service.token_file)
    if gateway.listener.tls:
        files[f"sds/{credentials.CERTIFICATE}.json"] = credentials.certificate(gateway.listener.tls)
    for check in checks(gateway):
        files[f"checks/{check.digest}.json"] = {"schema": check.schema, "again": check.again}
    return files | {
        "peers.json": endpoints_file(assignment(PEERS, gateway.peers)),
        f"{DENY}.json": deny_list(gateway.denied),
        f"{REQUESTS_LIMIT}.json": requests_limit(gateway),
        f"{TOKENS_LIMIT}.json": tokens_limit(gateway),
        "cds.json": resources(*clusters(gateway, folder)),
        "rds.json": routes(gateway, secrets),
        "lds.json": resources(*listeners(gateway, folder)),
        "bootstrap.json": bootstrap(gateway, folder),
    }


def denials(denied: Iterable[Denied]) -> str:
    """The file of the deny list."""
    return json.dumps(deny_list(denied))


def scripts() -> dict[str, str]:
    """The scripts that these files refer to, by their place in the folder."""
    return {f"lua/{each.name}": each.text for each in (lua.request(), lua.identity(), lua.upstream(), lua.copied())}
