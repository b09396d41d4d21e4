"""Gateways in neutral terms, as a translation would make them; each is a golden case too."""

from __future__ import annotations

from dataclasses import replace

from paceline.gateway.ir import (
    Admission,
    Branch,
    Check,
    Cluster,
    Denied,
    Endpoint,
    External,
    Gateway,
    Identity,
    Issuer,
    Key,
    Limits,
    Listener,
    Mirror,
    Objective,
    Pods,
    Policy,
    Prompt,
    Refusal,
    Retry,
    Route,
    Service,
    Share,
    Target,
    Tls,
    Tracing,
)

#: By which the gateway's pod is known to our own services.
TOKEN = "/var/run/secrets/paceline/token"
EXTERNAL = Policy("External", "ab12cd34", ("support-*",), requests_per_minute=600, tokens_per_minute=200_000)
INTERNAL = Policy("Internal", "0f0f0f0f", ("*",), trusts_class=True)
REVIEWER = Policy("Reviewer", "9e9e9e9e", ("support-bot",), request_class="order-status")
BOUND = Policy("Internal", "5c5c5c5c", ("*",), reserves="Money")
SEATED = Policy("Internal", "6d6d6d6d", ("*",), reserves="Places")
SECRETS = {
    "ns/acme-key/token": "pl_not-a-real-key-acme-0001",
    "ns/acme-key/next": "pl_not-a-real-key-acme-0002",
    "ns/staff-key/token": "pl_not-a-real-key-staff-001",
    "ns/reviewer-key/token": "pl_not-a-real-key-review-01",
    "ns/bound-key/token": "pl_not-a-real-key-bound-001",
    "ns/seated-key/token": "pl_not-a-real-key-seated-01",
}


def key(policy: Policy, consumer: str, reference: str) -> Key:
    return Key(policy.name, "ns", consumer, reference)


def answered_by(*clusters: str, **more: object) -> Target:
    """One priority after the other."""
    return Target(tuple((Share(each),) for each in clusters), **more)  # type: ignore[arg-type]


def minimal() -> Gateway:
    """No keys, one model, one engine."""
    policy = Policy("External", "000000", ("*",))
    return Gateway(
        name="demo",
        namespace="ns",
        listener=Listener(8080),
        policies=(policy,),
        anonymous=policy.name,
        routes=(Route("tiny", (Branch(answered_by("tiny", max_output_tokens=0)),)),),
        clusters=(Cluster("tiny", Pods((Endpoint("10.0.0.1", 8000),)), "tiny", "Silent"),),
    )


def _support() -> Route:
    prompt = Prompt("support@7", 'You help "acme" customers.\nBe brief.')
    answer = Target(
        ((Share("support-stable", 95), Share("support-canary", 5)), (Share("openai"),)),
        timeout_seconds=900,
        first_byte_seconds=20,
        retry=Retry(3),
        max_output_tokens=2048,
        prompt=prompt,
        objective=Objective(500, 50),
        mirror=Mirror("support-shadow", 5),
    )
    held = replace(answer, groups=((Share("review"),),), retry=Retry(0, ("ConnectFailure",)), mirror=None)
    return Route(
        "support-bot",
        (
            Branch(held, ("External", "Reviewer"), "order-status"),
            Branch(held, ("External",)),
            Branch(replace(answer, admission=Admission("ledger", 5)), reserves="Money"),
            Branch(replace(answer, admission=Admission("ledger", 5, optional=True)), reserves="Places"),
            Branch(answer),
        ),
    )


def full() -> Gateway:
    """Everything at once."""
    clusters = (
        Cluster(
            "support-stable",
            Pods((Endpoint("10.0.0.2", 8000), Endpoint("10.0.0.1", 8000)), "/health"),
            "support-llm",
            "Continuous",
            "/etc/paceline/engines/support/token",
            "PrefixAffinity",
            (("backend", "main"), ("deployment", "ml/support-llm"), ("revision", "stable")),
        ),
        Cluster("support-canary", Pods((Endpoint("10.0.0.9", 8000),), "/health"), "support-llm", "Continuous"),
        Cluster("support-shadow", Pods((Endpoint("10.0.0.10", 8000),), "/health"), "support-next", "Continuous"),
        Cluster("review", Pods((Endpoint("10.0.1.1", 8443),)), "support-bot", ours=True),
        Cluster(
            "openai",
            External("api.example.com", path="/openai/v1"),
            "gpt-4o",
            credential_file="/etc/paceline/providers/openai/token",
            labels=(("backend", "openai"),),
        ),
        Cluster("embed", Pods(), "bge-m3"),
    )
    embed = answered_by("embed", max_output_tokens=0, remote_media=True, admission=Admission("ledger", 150))
    return Gateway(
        name="public",
        namespace="ns",
        listener=Listener(
            8443,
            hostnames=("llm.example.com", "*.llm.example.com"),
            tls=Tls("/etc/paceline/tls/tls.crt", "/etc/paceline/tls/tls.key"),
            limits=Limits(max_request_bytes=8_388_608, max_connections=5000, max_streams_per_connection=50),
        ),
        policies=(EXTERNAL, INTERNAL, REVIEWER, BOUND, SEATED),
        keys=(
            key(EXTERNAL, "acme", "ns/acme-key/token"),
            key(EXTERNAL, "acme", "ns/acme-key/next"),
            key(INTERNAL, "staff", "ns/staff-key/token"),
            key(REVIEWER, "reviewer", "ns/reviewer-key/token"),
            key(BOUND, "bound", "ns/bound-key/token"),
            key(SEATED, "seated", "ns/seated-key/token"),
        ),
        routes=(
            _support(),
            Route("embed", (Branch(embed),)),
            Route("nobody/s", (Branch(embed, ("Reviewer",)),)),
            Route("closed", (Branch(Refusal("route_not_governed", "This model has no level of automation.")),)),
        ),
        clusters=clusters,
        services=(Service("ledger", "ledger.paceline.svc", 8443, "/etc/paceline/ca.crt", TOKEN),),
        denied=(
            Denied(f"{EXTERNAL.name}.ns.broke", "Budget", "month", 1_796_079_600_000_000),
            Denied(f"{EXTERNAL.name}.ns.unasked", "Unasked"),
            Denied(f"{INTERNAL.name}.ns.left", "Suspended"),
        ),
        peers=(Endpoint("10.0.2.1", 8443), Endpoint("10.0.2.2", 8443)),
    )


def empty() -> Gateway:
    """Keys, and nothing yet that they open."""
    return Gateway(
        name="new",
        namespace="ns",
        listener=Listener(8080),
        policies=(INTERNAL,),
        keys=(key(INTERNAL, "staff", "ns/staff-key/token"),),
        services=(Service("ledger", "ledger.paceline.svc", 8080),),
    )


def checked() -> Gateway:
    """One model whose answers are checked, and one whose are not."""
    check = Check('{"type": "object", "required": ["answer"]}', again=True)
    answer = answered_by(
        "main",
        "openai",
        timeout_seconds=120,
        prompt=Prompt("support@7", "Answer in JSON."),
        max_output_tokens=512,
        mirror=Mirror("shadow", 5),
        check=check,
    )
    strict = replace(answer, admission=Admission("ledger", 5))
    main = Cluster("main", Pods((Endpoint("10.0.0.1", 8000),)), "support-llm", "Continuous")
    return Gateway(
        name="checked",
        namespace="ns",
        listener=Listener(8080),
        policies=(INTERNAL, BOUND),
        keys=(key(INTERNAL, "staff", "ns/staff-key/token"), key(BOUND, "bound", "ns/bound-key/token")),
        routes=(
            Route("support/bot", (Branch(strict, reserves="Money"), Branch(answer))),
            Route("tiny", (Branch(answered_by("main")),)),
        ),
        clusters=(
            main,
            replace(main, name="shadow", model="support-next"),
            Cluster("openai", External("api.example.com"), "gpt-4o"),
        ),
        services=(Service("ledger", "ledger.paceline.svc", 8080),),
        adapter_port=9004,
    )


def traced() -> Gateway:
    """Spans of a tenth of all requests, those of the adapter among them."""
    services = (Service("ledger", "ledger.paceline.svc", 8080), Service("traces", "otel.monitoring.svc", 4318))
    return replace(checked(), name="traced", services=services, tracing=Tracing("traces", 10))


def tokens() -> Gateway:
    """Keys and tokens."""
    cluster, people = "https://kubernetes.default.svc.cluster.local", "https://id.example.com"
    jwt = '{"keys": [{"e": "AQAB", "kty": "RSA", "n": "AQAB"}]}'
    return replace(
        empty(),
        policies=(EXTERNAL, INTERNAL),
        issuers=(Issuer(people, hosts=("id.example.com",)), Issuer(cluster, jwt)),
        identities=(
            Identity(INTERNAL.name, "ns", "staff", people, "*", ("paceline", "chat")),
            Identity(EXTERNAL.name, "ns", "bot", cluster, "system:serviceaccount:support:bot", ("paceline",)),
            Identity(EXTERNAL.name, "ns", "site", cluster, "system:serviceaccount:support:bot", ("site",)),
        ),
    )


CASES = {
    "checked": checked,
    "traced": traced,
    "empty": empty,
    "full": full,
    "minimal": minimal,
    "tokens": tokens,
}
