"""Reading a Gateway, and what admission refuses of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.gateway import Gateway
from paceline.errors import Stalled
from tests.support.admission import refusals, stored
from tests.support.gateways import external, gateway, local, manifest, route

KIND = "gateways"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["routes", "backends", "listener", "model", "prices", "name"]), inner)
    ),
    max_leaves=10,
)


def refused(spec):
    """What admission says against the spec of the builder with this laid over it."""
    return refusals(KIND, manifest(spec)["spec"])


def test_a_gateway_with_one_route_gets_its_defaults():
    spec = gateway().spec
    (only,) = spec.routes
    assert (spec.replicas, spec.listener.port, spec.authentication, spec.routes_from) == (2, 8080, "Required", "List")
    assert (only.timeout_seconds, only.first_byte_timeout_seconds, only.max_output_tokens) == (600, 30, 4096)
    assert (only.retry.attempts, only.waiting.max_seconds) == (2, 120)
    assert (only.backends[0].priority, only.backends[0].weight) == (0, 100)


def test_defaults_are_the_same_in_the_schema_and_in_the_operator():
    obj = manifest()
    assert Gateway.parse(obj | {"spec": stored(KIND, obj["spec"])}) == gateway()
    assert refusals(KIND, stored(KIND, obj["spec"])) == {}


def test_conditions_are_read_from_the_status():
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}
    assert gateway(status=status).conditions[0].reason == "Serving"


def test_a_gateway_needs_no_spec_of_its_own():
    assert gateway({"routes": None}).spec.routes == ()
    assert refused({"routes": None}) == {}


@given(JSON)
def test_any_spec_is_read_or_refused(spec):
    try:
        Gateway.parse(manifest() | {"spec": spec})
        reason = ""
    except Stalled as stalled:
        reason = stalled.reason
    assert reason in {"", "InvalidSpec"}


@pytest.mark.parametrize(
    "spec",
    [
        {"routes": [route(local(), external(priority=1))]},
        {"routes": [route(local(), external(weight=0))]},
        {"routes": [route(local(), local("shadow", weight=0), mirror={"backend": "shadow", "weightPercent": 5})]},
        {"routes": [route(local("a", priority=1), local("b", weight=0), mirror={"backend": "b", "weightPercent": 1})]},
        {"routes": [route(firstByteTimeoutSeconds=600)]},
        {"routes": [route(responseSchemaRef={"name": "s", "key": "k"}, onInvalidResponse="Refuse")]},
        {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/lb"}},
        {"service": {"annotations": {"example.com/notpaceline.dev": "x"}}},
        {"listener": {"hostnames": ["a.example.com", "*.example.com", "localhost"]}},
        {"allowedConsumers": {"type": "Selector", "selector": {"matchLabels": {"a": "b"}}}},
        {
            "allowedConsumers": {
                "type": "Selector",
                "selector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]},
            }
        },
        {"prices": [{"name": "a", "model": "m", "inputPerMillion": 1, "outputPerMillion": "0.000001"}]},
    ],
)
def test_right_specs_are_accepted_and_read(spec):
    assert refused(spec) == {}
    assert gateway(spec)


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        pytest.param(
            {"routes": [route({"name": "main", "type": "External"})]},
            "spec.routes[0].backends[0].external",
            "must be set when, and only when, backend.type is External; type is External",
            id="no member",
        ),
        pytest.param(
            {"routes": [route(local() | external(name="main"))]},
            "spec.routes[0].backends[0].modelDeployment",
            "must be set when, and only when, backend.type is ModelDeployment; type is External",
            id="both members",
        ),
        pytest.param({"routes": [route(local(), local())]}, "spec.routes[0].backends", "duplicate", id="names twice"),
        pytest.param({"routes": [route(), route()]}, "spec.routes", "duplicate", id="models twice"),
        pytest.param({"routes": [{"model": "m", "backends": []}]}, "spec.routes[0].backends", "items", id="nobody"),
        pytest.param(
            {"routes": [route(*(local(f"b{n}") for n in range(17)))]},
            "spec.routes[0].backends",
            "items",
            id="too many backends",
        ),
        pytest.param({"routes": [route(model="a b")]}, "spec.routes[0].model", "pattern", id="a model with a space"),
        pytest.param(
            {"routes": [route(local(weight=0))]},
            "spec.routes[0].backends",
            "must have a weight above 0 in each priority, or there is nobody to turn to; raise a weight or remove the "
            "backends of that priority",
            id="nobody gets requests",
        ),
        pytest.param(
            {"routes": [route(local(weight=0), mirror={"backend": "main", "weightPercent": 5})]},
            "spec.routes[0].backends",
            "must have at least one entry with a weight above 0, or nobody answers; raise a weight",
            id="only a mirror",
        ),
        pytest.param(
            {"routes": [route(local(), external(priority=1, weight=0))]},
            "spec.routes[0].backends",
            "must have a weight above 0 in each priority, or there is nobody to turn to; raise a weight or remove the "
            "backends of that priority",
            id="nobody of a priority gets requests",
        ),
        pytest.param(
            {"routes": [route(mirror={"backend": "shadow", "weightPercent": 5})]},
            "spec.routes[0].mirror.backend",
            "must be the name of an entry of backends with weight 0, and shadow is not: who gets copies answers "
            "nobody; add that backend, or set its weight to 0",
            id="a mirror that is no backend",
        ),
        pytest.param(
            {"routes": [route(local(), local("b"), mirror={"backend": "b", "weightPercent": 5})]},
            "spec.routes[0].mirror.backend",
            "must be the name of an entry of backends with weight 0, and b is not: who gets copies answers nobody; "
            "add that backend, or set its weight to 0",
            id="a mirror that answers too",
        ),
        pytest.param(
            {"routes": [route(mirror={"backend": "main", "weightPercent": 0})]},
            "spec.routes[0].mirror.weightPercent",
            "range",
            id="a mirror without a share",
        ),
        pytest.param(
            {"routes": [route(timeoutSeconds=20)]},
            "spec.routes[0].firstByteTimeoutSeconds",
            "must be at most timeoutSeconds, within which the whole answer is to end; lower firstByteTimeoutSeconds "
            "(default 30) or raise timeoutSeconds (default 600)",
            id="a first byte after the end",
        ),
        pytest.param(
            {"routes": [route(onInvalidResponse="Refuse")]},
            "spec.routes[0].onInvalidResponse",
            "may not be set: without responseSchemaRef no response is checked; remove onInvalidResponse",
            id="a check without a schema",
        ),
        pytest.param(
            {"routes": [route(retry={"retryOn": []})]}, "spec.routes[0].retry.retryOn", "items", id="no failure"
        ),
        pytest.param(
            {"routes": [route(retry={"retryOn": ["RateLimited"] * 2})]},
            "spec.routes[0].retry.retryOn",
            "duplicate",
            id="a failure twice",
        ),
        pytest.param(
            {"routes": [route(retry={"attempts": 17})]}, "spec.routes[0].retry.attempts", "range", id="attempts"
        ),
        pytest.param({"routes": [route(balance="Random")]}, "spec.routes[0].balance", "enum", id="an unknown balance"),
        pytest.param(
            {"routes": [route(promptRef={"name": "p", "version": 0})]},
            "spec.routes[0].promptRef.version",
            "range",
            id="version 0",
        ),
        pytest.param(
            {"routes": [route(local() | {"modelDeployment": {"name": "a", "namespace": "A"}})]},
            "spec.routes[0].backends[0].modelDeployment.namespace",
            "pattern",
            id="no namespace",
        ),
        pytest.param(
            {"service": {"loadBalancerClass": "a/b"}},
            "spec.service.loadBalancerClass",
            "may not be set: only a Service of type LoadBalancer has a class; remove service.loadBalancerClass or set "
            "service.type to LoadBalancer",
            id="a class without a load balancer",
        ),
        pytest.param(
            {"service": {"annotations": {"paceline.dev/applied-digest": "x"}}},
            "spec.service.annotations",
            "may not hold annotations of paceline.dev, by which paceline knows its own; remove them",
            id="an annotation of ours",
        ),
        pytest.param(
            {"listener": {"hostnames": ["LLM.example.com"]}},
            "spec.listener.hostnames[0]",
            "must be a host name in lower case without scheme and port, such as llm.example.com or *.example.com",
            id="a host in upper case",
        ),
        pytest.param({"listener": {"port": 0}}, "spec.listener.port", "range", id="port 0"),
        pytest.param({"listener": {"tls": {}}}, "spec.listener.tls.secretRef", "required", id="no certificate"),
        pytest.param(
            {"allowedConsumers": {"type": "Selector"}},
            "spec.allowedConsumers.selector",
            "must be set when, and only when, allowedConsumers.type is Selector; type is Selector",
            id="no selector",
        ),
        pytest.param(
            {"allowedConsumers": {"selector": {"matchLabels": {"a": "b"}}}},
            "spec.allowedConsumers.selector",
            "must be set when, and only when, allowedConsumers.type is Selector; type is SameNamespace",
            id="a selector of nothing",
        ),
        pytest.param(
            {"allowedConsumers": {"type": "Selector", "selector": {}}},
            "spec.allowedConsumers.selector",
            "must have matchLabels or matchExpressions, because an empty selector would let in all namespaces; to "
            "allow all, write the expression {key: kubernetes.io/metadata.name, operator: Exists}",
            id="an empty selector",
        ),
        pytest.param(
            {"prices": [{"name": "a", "model": "m", "inputPerMillion": "2,50", "outputPerMillion": 1}]},
            "spec.prices[0].inputPerMillion",
            "pattern",
            id="a comma in a price",
        ),
        pytest.param(
            {"prices": [{"name": "a", "model": "m", "inputPerMillion": 1}]},
            "spec.prices[0].outputPerMillion",
            "required",
            id="half a price",
        ),
        pytest.param(
            {"prices": [{"name": "a", "model": "m", "inputPerMillion": -1, "outputPerMillion": 1}]},
            "spec.prices[0].inputPerMillion",
            "range",
            id="a price below 0",
        ),
        pytest.param({"limits": {"maxRequestBytes": 2**30}}, "spec.limits.maxRequestBytes", "range", id="a large body"),
        pytest.param({"authentication": "Optional"}, "spec.authentication", "enum", id="half authentication"),
        pytest.param({"hostNetwork": True}, "spec.hostNetwork", "unknown", id="an unknown field"),
    ],
)
def test_wrong_specs_are_refused_by_field_and_in_words(spec, field, words):
    assert refused(spec) == {field: words}


def test_times_of_prices_are_times():
    price = {"name": "a", "model": "m", "inputPerMillion": 1, "outputPerMillion": 2, "effectiveTime": "tomorrow"}
    with pytest.raises(Stalled, match=r"spec\.prices\.0\.effectiveTime.*RFC 3339.*'tomorrow'"):
        gateway({"prices": [price]})
    assert gateway({"prices": [price | {"effectiveTime": "2026-10-01T00:00:00Z"}]}).spec.prices[0].effective_time
