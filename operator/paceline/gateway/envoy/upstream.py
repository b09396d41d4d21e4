"""The filters that every attempt passes on its way to a server of a cluster."""

from __future__ import annotations

import json

from paceline.gateway import lua
from paceline.gateway.envoy.documents import (
    ASKED,
    CLIENT,
    CONVERSATION,
    HASH,
    MODEL,
    POLICY,
    PURPOSE,
    READ,
    REQUEST_CLASS,
    TOKENS,
    Document,
    extension,
    polled,
)
from paceline.gateway.ir import Cluster, External, Service

#: What the gateway adds, and what was added for an earlier attempt: attempts share one set of headers. A client's own
#: were removed before (see `listener`).
_REMOVED = (
    *(CLIENT, POLICY, MODEL, HASH, TOKENS, ASKED, REQUEST_CLASS, CONVERSATION, PURPOSE),
    *("x-forwarded-proto", "x-envoy-external-address"),
)
#: How long a credential that was exchanged is still sent.
_ROTATION_SECONDS = 10


def upstream_filters(cluster: Cluster, folder: str, *, rewritten: bool, copied: bool = False) -> list[Document]:
    """Strip, rewrite, put the credential in, send.

    Args:
        cluster: Where the attempt goes.
        folder: Of the proxy's files.
        rewritten: The request is as its servers want it already.
        copied: It gets copies of requests.
    """
    rewrite = [] if rewritten else [_rewrite(cluster, folder, lua.copied() if copied else lua.upstream())]
    credential = [_credential(cluster.name, folder)] if cluster.credential_file else []
    return [_strip(READ, *(() if cluster.ours else _REMOVED)), *rewrite, *credential, _codec()]


def service_filters(service: Service, folder: str) -> list[Document]:
    """What a question to a service passes: what a client said of itself goes, what the gateway has comes."""
    credential = [_credential(service.name, folder)] if service.token_file else []
    return [_strip(), *credential, _codec()]


def _strip(*more: str) -> Document:
    names = ["authorization", *more]
    return extension(
        "paceline.strip",
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [{"remove": each} for each in names]},
    )


def _rewrite(cluster: Cluster, folder: str, script: lua.Script) -> Document:
    # The script puts the model into the body as it is, so it is JSON already.
    context = {"model": json.dumps(cluster.model), "usage": cluster.usage, "path": "/v1"}
    if isinstance(cluster.servers, External):
        context |= {"path": cluster.servers.path, "host": cluster.servers.host}
    return extension(
        "paceline.upstream",
        "extensions.filters.http.lua.v3.Lua",
        default_source_code={"filename": f"{folder}/lua/{script.name}"},
        filter_context=context,
        # All clusters share one Lua state (200 KB each otherwise).
        shared_vm_id=script.name,
    )


def _credential(name: str, folder: str) -> Document:
    source = {"name": name, "sds_config": polled(folder, f"sds/{name}.json", _ROTATION_SECONDS)}
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
