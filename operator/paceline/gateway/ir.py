"""Neutral routes: who may ask which models, and who answers, in the terms of no proxy.

Kinds and endpoints are translated into these; `check` finds what is wrong with them; `envoy` renders them. Seconds are
whole, sizes are bytes, files are paths within the gateway's pod. No secret is in here: keys are named by reference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from paceline.api.digest import digest

Audience = Literal["Internal", "External", "Reviewer"]
AUDIENCES: tuple[Audience, ...] = ("Internal", "External", "Reviewer")
Balance = Literal["LeastRequest", "PrefixAffinity"]
Failure = Literal["ConnectFailure", "RateLimited", "ServerError"]
#: What a server says of the tokens of a stream: nothing, at its end, or in each event (which outlives an abort).
Usage = Literal["Silent", "Final", "Continuous"]
#: A budget is used up; its owner has suspended it; what is left of its budget could not be asked for too long.
Denial = Literal["Budget", "Suspended", "Unasked"]
#: Ends the names of clusters that get copies, and of no others: by it lines of the log are known as copies'.
MIRROR = "_mirror"
#: Of what a model is told when it is asked once more: its first answer, as far as that fits, and what was wrong.
FEEDBACK_BYTES = 32_768
#: On loopback of a pod with an adapter.
ADAPTER_PORT = 9004
#: On loopback of the same: where the adapter asks.
ASKING_PORT = 9005
#: Stands for a Consumer's name in the client id of callers without a key; no object of Kubernetes has such a name.
ANYBODY = "_anybody"
#: What must be had before a request goes on: nothing, one of so many requests at a time, or the most that it can cost.
Reserve = Literal["", "Places", "Money"]


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate and its key, each in a file."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the memory that clients can fill.

    Attributes:
        heap_bytes: Of the proxy; near it, the largest requests are reset and then connections refused.
    """

    max_request_bytes: int = 32 * 1024 * 1024
    max_connections: int = 20_000
    max_streams_per_connection: int = 100
    heap_bytes: int = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """Where clients connect.

    Attributes:
        hostnames: Empty: every host.
        tls: None: plain http.
    """

    port: int
    address: str = "0.0.0.0"  # noqa: S104 - a gateway's purpose
    hostnames: tuple[str, ...] = ()
    tls: Tls | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Policy:
    """What its consumers have in common; routes are made for policies, not for consumers.

    Attributes:
        digest: Of everything in it, so that equal policies are one.
        models: Names, or beginnings of names followed by "*".
        request_class: Class of all requests; "" for none.
        trusts_class: The class is what the consumer's own header says, where there is one.
        trusts_conversation: So is the conversation that a request is part of.
        requests_per_minute: Of each consumer; 0: no limit.
        tokens_per_minute: Estimated before the engine has said its own figure; 0: no limit.
        reserves: What must never be exceeded, so that somebody is asked before each request. Money goes before places.
    """

    audience: Audience
    digest: str
    models: tuple[str, ...]
    request_class: str = ""
    trusts_class: bool = False
    trusts_conversation: bool = False
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    reserves: Reserve = ""

    @property
    def name(self) -> str:
        """As client ids begin."""
        return f"{self.audience.lower()}.{self.digest}"

    def allowed(self, models: Iterable[str]) -> frozenset[str]:
        """Those of some models that its consumers may ask."""
        begins = tuple(each[:-1] for each in self.models if each.endswith("*"))
        names = frozenset(self.models)
        return frozenset(each for each in models if each in names or each.startswith(begins))


@dataclass(frozen=True, slots=True)
class Key:
    """A key by which a consumer is known.

    Attributes:
        policy: Name of a policy.
        reference: Of the secret that has the key itself.
    """

    policy: str
    namespace: str
    consumer: str
    reference: str

    @property
    def client(self) -> str:
        """The id that a request carries through the gateway."""
        return f"{self.policy}.{self.namespace}.{self.consumer}"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs tokens.

    Attributes:
        address: Their claim iss.
        keys: A JSON Web Key Set where it is known already; "": the agent finds it by the issuer's discovery document.
        hosts: Where the agent may ask: names, *.example.com for all below it, * for every one.
    """

    address: str
    keys: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Stands for it in names and paths."""
        return hashlib.sha256(self.address.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Identity:
    """Tokens by which a consumer is known.

    Attributes:
        policy: Name of a policy.
        issuer: Address of an issuer.
        subject: Whom they are about; "*": anybody.
        audiences: For whom they are made: one of these at least.
    """

    policy: str
    namespace: str
    consumer: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]

    @property
    def client(self) -> str:
        """The id that a request carries through the gateway."""
        return f"{self.policy}.{self.namespace}.{self.consumer}"

    @property
    def name(self) -> str:
        """Of its own, for problems."""
        return f"{self.issuer} {self.subject} {','.join(self.audiences)}"


@dataclass(frozen=True, slots=True)
class Denied:
    """A consumer that gets nothing for now.

    Attributes:
        budget: Name of the one that is used up.
        until_us: When its period ends, microseconds since 1970; None where that is not known, and for other reasons.
    """

    client: str
    reason: Denial
    budget: str = ""
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a server."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Pods:
    """Servers of this cluster, by the addresses of those that are ready.

    Attributes:
        health_path: Answers 200 while a server can serve; "": only its answers tell.
    """

    endpoints: tuple[Endpoint, ...] = ()
    health_path: str = ""


@dataclass(frozen=True, slots=True)
class External:
    """A service outside, always by https and with its name verified.

    Attributes:
        path: What goes before /chat/completions, such as "/v1".
        ca_file: Who may have signed its certificate.
    """

    host: str
    port: int = 443
    path: str = "/v1"
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Servers that answer alike.

    Attributes:
        model: What they are asked for in "model".
        usage: What their streams are asked to say of tokens.
        credential_file: Holds the token that they are given, and nobody else is; "": none.
        labels: For the records of requests: backend, deployment, revision.
        ours: They are a service of paceline itself and get what the gateway knows of a request.
    """

    name: str
    servers: Pods | External
    model: str
    usage: Usage = "Final"
    credential_file: str = ""
    balance: Balance = "LeastRequest"
    labels: tuple[tuple[str, str], ...] = ()
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A cluster's part among those of its priority."""

    cluster: str
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Prompt:
    """A version of a system prompt.

    Attributes:
        reference: For the records, such as "support@7".
    """

    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Failures before the first byte that another server gets a chance to make good."""

    attempts: int = 2
    on: tuple[Failure, ...] = ("ConnectFailure", "RateLimited", "ServerError")


@dataclass(frozen=True, slots=True)
class Objective:
    """Targets that travel with each record; 0: none."""

    ttft_milliseconds: int = 0
    tpot_milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is asked before a request goes on, and may answer late: hard budgets, full engines, engines at zero.

    Attributes:
        service: Name of a service.
        seconds: How long the answer may take.
        optional: A request goes on where nobody can be asked.
    """

    service: str
    seconds: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies of requests, whose answers nobody gets.

    The log has their attempts too, under the request's id and the name of this cluster, but not what they used.

    Attributes:
        cluster: Who gets them, and no requests.
        percent: Share of requests of which one is sent.
    """

    cluster: str
    percent: int


@dataclass(frozen=True, slots=True)
class Check:
    """What answers must be like before anybody gets them.

    Attributes:
        schema: JSON Schema that the content must match, as text.
        again: Who gives another answer is asked once more, and told what was wrong.
    """

    schema: str
    again: bool = False

    @property
    def digest(self) -> str:
        """By which the adapter finds it."""
        return digest([self.schema, self.again]).removeprefix("sha256:")[:32]


@dataclass(frozen=True, slots=True)
class Target:
    """How requests are answered.

    Attributes:
        groups: Clusters by priority: each group is tried when the one before it failed.
        first_byte_seconds: Until a stream begins; then the next server is tried. Other answers begin when they end.
        max_output_tokens: Written where a request sets no bound; 0: never.
        remote_media: Requests may name images by address, which the engine then fetches.
        check: Answers go through the adapter, which asks the groups.
    """

    groups: tuple[tuple[Share, ...], ...]
    timeout_seconds: int = 600
    first_byte_seconds: int = 30
    retry: Retry = Retry()
    max_output_tokens: int = 4096
    remote_media: bool = False
    prompt: Prompt | None = None
    objective: Objective = Objective()
    admission: Admission | None = None
    mirror: Mirror | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the proxy says by itself to requests that nobody may or can answer.

    Attributes:
        code: Of the error, in the form of the OpenAI API.
    """

    code: str
    message: str
    status: int = 503


@dataclass(frozen=True, slots=True)
class Branch:
    """A target, and whose requests it is for.

    Attributes:
        request_class: "": every class.
        reserves: For policies that reserve this; "": for all of them.
    """

    target: Target | Refusal
    audiences: tuple[Audience, ...] = AUDIENCES
    request_class: str = ""
    reserves: Reserve = ""

    def fits(self, policy: Policy, request_class: str) -> bool:
        """Whether it is for a policy's requests of a class."""
        return (
            policy.audience in self.audiences
            and self.request_class in {"", request_class}
            and self.reserves in {"", policy.reserves}
        )


@dataclass(frozen=True, slots=True)
class Route:
    """What is done with requests for a model: the first branch that fits."""

    model: str
    branches: tuple[Branch, ...]

    def branch(self, policy: Policy, request_class: str) -> Branch | None:
        """The branch for these requests."""
        return next((each for each in self.branches if each.fits(policy, request_class)), None)


@dataclass(frozen=True, slots=True)
class Service:
    """One of our own servers that the proxy asks, by its name in the cluster's DNS.

    Attributes:
        ca_file: Who may have signed its certificate; "": it speaks plain http.
        token_file: Holds the token by which it knows the gateway; "": it needs none.
    """

    name: str
    host: str
    port: int
    ca_file: str = ""
    token_file: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Spans of requests, for a collector.

    Attributes:
        service: Name of a service that takes OTLP by HTTP.
        percent: Share of requests that have some.
    """

    service: str
    percent: int


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that one gateway's proxies do.

    Attributes:
        anonymous: Name of the policy of callers without a key; "": a key is required.
        peers: The gateway's pods, which share the limits per minute.
        agent_port: On loopback: who answers /v1/models.
        addresses_port: On loopback: who gives addresses of pods, where they are too many for files.
        adapter_port: On loopback: who checks answers; 0: nobody.
        tracing: None: there are no spans.
        asking_port: On loopback: where the adapter asks for answers.
    """

    name: str
    namespace: str
    listener: Listener
    policies: tuple[Policy, ...] = ()
    keys: tuple[Key, ...] = ()
    identities: tuple[Identity, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    routes: tuple[Route, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    services: tuple[Service, ...] = ()
    denied: tuple[Denied, ...] = ()
    peers: tuple[Endpoint, ...] = ()
    anonymous: str = ""
    agent_port: int = 9002
    adapter_port: int = 0
    tracing: Tracing | None = None
    asking_port: int = ASKING_PORT
    admin_port: int = 9001
    addresses_port: int = 9007
    log_file: str = "/var/log/paceline/requests.jsonl"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong with one object, in words for its owner.

    Attributes:
        kind: Gateway, Policy, Key, Identity, Route, Cluster, Service.
        name: Of the object.
    """

    kind: str
    name: str
    message: str = field(compare=False)
