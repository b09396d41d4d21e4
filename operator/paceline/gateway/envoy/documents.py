"""The parts that Envoy's documents are made of."""

from __future__ import annotations

from typing import Any

#: A message in the JSON form of Protocol Buffers.
Document = dict[str, Any]

_TYPE = "type.googleapis.com/envoy."

# Headers within the gateway. A client's own are removed before anything is read, the gateway's before anything is sent.
INTERNAL = "x-pl-"
CLIENT = "x-pl-client"
POLICY = "x-pl-policy"
MODEL = "x-pl-model"
HASH = "x-pl-hash"
TOKENS = "x-pl-tokens"
#: All that the script has read, for whoever is asked for admission.
READ = "x-pl-request"
#: Of an answer: the code of the refusal of whoever was asked for admission.
REFUSAL = "x-paceline-refusal"
# What a consumer whose policy is trusted may say of the class of a request, and of the conversation that it is part of.
REQUEST_CLASS = "x-paceline-request-class"
CONVERSATION = "x-paceline-conversation-id"
#: What a request is for. A reviewer gets answers that nobody has approved, so its requests must say that they know.
PURPOSE = "x-paceline-purpose"
#: By which the adapter finds what an answer must be like.
CHECK = "x-pl-check"
#: Of requests that the adapter makes.
ASKED = "x-pl-asked"

# Names of filters, by which routes and metadata refer to them.
KEYS = "envoy.filters.http.api_key_auth"
TOKENS_FILTER = "envoy.filters.http.jwt_authn"
IDENTITY = "paceline.identity"
REQUEST = "paceline.request"
ADMISSION = "paceline.admission"
#: The same where requests go on without an answer.
OPTIONAL_ADMISSION = "paceline.optional-admission"
#: Options of a cluster's protocol.
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
#: Namespace of metadata.
PACELINE = "paceline"


def typed(kind: str, **fields: Any) -> Document:
    """A message with its type."""
    return {"@type": _TYPE + kind, **fields}


def extension(name: str, kind: str, **fields: Any) -> Document:
    """A TypedExtensionConfig, and a filter, which looks the same."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def watched(folder: str, name: str) -> Document:
    """A resource in a file that is replaced by renaming another over it; noticed within milliseconds.

    Each costs one of the 128 inotify instances that Linux gives a user id, whatever pods run under it, and Envoy aborts
    when there is none left. So only what must be quick is watched.
    """
    return {"path_config_source": {"path": f"{folder}/{name}"}, "resource_api_version": "V3"}


def polled(folder: str, name: str, every: int = 5) -> Document:
    """A resource in a file that is read every few seconds (0.4 ms each time), together with files that it names."""
    source = watched(folder, name)
    source["path_config_source"]["poll_interval"] = seconds(every)
    return source


def streamed() -> Document:
    """A resource that comes on the stream from the agent. Without the agent a proxy that starts goes on without it."""
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "5s"}


def resources(*each: Document) -> Document:
    """A file of resources."""
    return {"resources": list(each)}


def address(host: str, port: int) -> Document:
    """An IP address and a port."""
    return {"socket_address": {"address": host, "port_value": port}}


def seconds(number: float) -> str:
    """A duration."""
    return f"{number:g}s"


def input_header(name: str) -> Document:
    """A header of the request as input of a matcher."""
    return extension("header", "type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)


def exact(header: str, cases: Document, otherwise: Document | None = None) -> Document:
    """A matcher by the value of a header: one look-up however many cases there are."""
    if not cases:
        return {"on_no_match": otherwise} if otherwise else {}
    tree = {"input": input_header(header), "exact_match_map": {"map": cases}}
    return {"matcher_tree": tree} | ({"on_no_match": otherwise} if otherwise else {})
