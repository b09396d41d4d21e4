"""The filters that every attempt passes on its way to a server of a cluster."""

from __future__ import annotations

import json

from paceline.gateway import lua
from paceline.gateway.envoy.documents import INTERNAL, Document, extension, file_source
from paceline.gateway.ir import Cluster, External

#: Nothing of a client, of the gateway or of an earlier attempt may reach a server through these: attempts share one
#: set of headers, so that the next one would bring what was added for the last.
_BEGINNINGS = (INTERNAL, "x-envoy-", "x-forwarded-", "x-paceline-")
_REMOVED = (
    "authorization",
    "api-key",
    "x-api-key",
    "cookie",
    "forwarded",
    # With the organisation's token these would choose which part of it pays.
    "openai-organization",
    "openai-project",
)
#: All clusters share one Lua state (200 KB each otherwise).
_STATE = "upstream"


def upstream_filters(cluster: Cluster, folder: str) -> list[Document]:
    """Strip, rewrite, put the credential in, send."""
    credential = [_credential(cluster, folder)] if cluster.credential_file else []
    return [_strip(), _rewrite(cluster, folder), *credential, _codec()]


def _strip() -> Document:
    beginnings = [{"remove_on_match": {"key_matcher": {"prefix": each}}} for each in _BEGINNINGS]
    return extension(
        "paceline.strip",
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [*beginnings, *({"remove": each} for each in _REMOVED)]},
    )


def _rewrite(cluster: Cluster, folder: str) -> Document:
    # The script puts the model into the body as it is, so it is JSON already.
    context = {"model": json.dumps(cluster.model), "usage": cluster.usage, "path": "/v1"}
    if isinstance(cluster.servers, External):
        context |= {"path": cluster.servers.path, "host": cluster.servers.host}
    return extension(
        "paceline.upstream",
        "extensions.filters.http.lua.v3.Lua",
        default_source_code={"filename": f"{folder}/lua/{lua.upstream().name}"},
        filter_context=context,
        shared_vm_id=_STATE,
    )


def _credential(cluster: Cluster, folder: str) -> Document:
    source = {"name": cluster.name, "sds_config": file_source(folder, f"sds/{cluster.name}.json")}
    generic = extension(
        "envoy.http.injected_credentials.generic",
        "extensions.http.injected_credentials.generic.v3.Generic",
        credential=source,
        header="authorization",
        header_value_prefix="Bearer ",
    )
    return extension(
        "paceline.credential",
        "extensions.filters.http.credential_injector.v3.CredentialInjector",
        overwrite=True,
        credential=generic,
    )


def _codec() -> Document:
    return extension("envoy.filters.http.upstream_codec", "extensions.filters.http.upstream_codec.v3.UpstreamCodec")
