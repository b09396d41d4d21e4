"""Reading a Consumer, and what admission refuses of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.consumer import Consumer
from paceline.errors import Stalled
from tests.support.admission import refusals, stored
from tests.support.consumers import budget, consumer, jwt, key, manifest

KIND = "consumers"
PATTERN = "must be the name of a model, the begin of names followed by *, as in support-*, or * alone for every model"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["gatewayRefs", "models", "credentials", "name", "budgets", "limits"]), inner)
    ),
    max_leaves=10,
)


def refused(spec):
    """What admission says against the spec of the builder with this laid over it."""
    return refusals(KIND, manifest(spec)["spec"])


def test_a_consumer_of_one_model_gets_its_defaults():
    spec = consumer().spec
    assert (spec.audience, spec.priority, spec.suspended) == ("External", 5, False)
    assert (spec.credentials, spec.budgets, spec.limits) == ((), (), None)
    assert spec.gateway_refs[0].namespace is None


def test_defaults_are_the_same_in_the_schema_and_in_the_operator():
    obj = manifest({"budgets": [budget()], "credentials": [key(), jwt()]})
    whole = obj | {"spec": stored(KIND, obj["spec"])}
    assert Consumer.parse(whole) == Consumer.parse(obj)
    assert refusals(KIND, whole["spec"]) == {}


def test_conditions_are_read_from_the_status():
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "Programmed"}]}
    assert consumer(status=status).conditions[0].reason == "Programmed"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({}, 900), ({"graceSeconds": 0}, 0), ({"graceSeconds": 60}, 60), ({"mode": "Hard"}, 0)],
)
def test_only_a_soft_budget_is_served_without_the_ledger(fields, seconds):
    (made,) = consumer({"budgets": [budget(**fields)]}).spec.budgets
    assert made.grace == seconds


@given(JSON)
def test_any_spec_is_read_or_refused(spec):
    try:
        Consumer.parse(manifest() | {"spec": spec})
        reason = ""
    except Stalled as stalled:
        reason = stalled.reason
    assert reason in {"", "InvalidSpec"}


@pytest.mark.parametrize(
    "spec",
    [
        {"models": ["*"]},
        {"models": ["a", "a*", "org/a:1.5-b_c", "org/*"]},
        {"gatewayRefs": [{"name": "public", "namespace": "0platform"}, {"name": "private"}]},
        {"credentials": [key(), key("k2"), jwt(), jwt("all", "*"), jwt("person", "CN=A Person")]},
        {"credentials": [jwt(issuer="https://id.example.com/realms/a/", audiences=["https://llm.example.com", "b"])]},
        {"budgets": [budget(), budget("day", amount=5, period="Day", mode="Hard"), budget("week", period="Week")]},
        {"budgets": [budget(timeZone="America/Argentina/Buenos_Aires"), budget("b", timeZone="Etc/GMT+1")]},
        {"trustedHeaders": ["RequestClass", "ConversationId"]},
        {"limits": {"requestsPerMinute": 1}},
        {"suspended": True},
    ],
)
def test_right_specs_are_accepted_and_read(spec):
    assert refused(spec) == {}
    assert consumer(spec)


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        pytest.param({"gatewayRefs": None}, "spec.gatewayRefs", "required", id="no gateway"),
        pytest.param({"gatewayRefs": []}, "spec.gatewayRefs", "items", id="an empty list of gateways"),
        pytest.param({"models": None}, "spec.models", "required", id="no models"),
        pytest.param({"models": []}, "spec.models", "items", id="an empty list of models"),
        pytest.param({"models": ["a", "a"]}, "spec.models", "duplicate", id="a model twice"),
        pytest.param({"models": ["*-bot"]}, "spec.models[0]", PATTERN, id="a star in front"),
        pytest.param({"models": ["a*b"]}, "spec.models[0]", PATTERN, id="a star in the middle"),
        pytest.param({"models": ["a**"]}, "spec.models[0]", PATTERN, id="two stars"),
        pytest.param({"models": ["a", "b-"]}, "spec.models[1]", PATTERN, id="a name that is cut off"),
        pytest.param({"models": [".*"]}, "spec.models[0]", PATTERN, id="a regular expression"),
        pytest.param({"models": ["a\n"]}, "spec.models[0]", PATTERN, id="a line"),
        pytest.param({"audience": "Public"}, "spec.audience", "enum", id="an unknown audience"),
        pytest.param({"priority": 10}, "spec.priority", "range", id="priority 10"),
        pytest.param({"team": "a b"}, "spec.team", "pattern", id="a team with a space"),
        pytest.param({"requestClass": "Order Status"}, "spec.requestClass", "pattern", id="a class with a space"),
        pytest.param({"trustedHeaders": ["Audience"]}, "spec.trustedHeaders[0]", "enum", id="a header of ours"),
        pytest.param(
            {"credentials": [{"name": "a", "type": "Key"}]},
            "spec.credentials[0].key",
            "must be set when, and only when, credential.type is Key; type is Key",
            id="no key",
        ),
        pytest.param(
            {"credentials": [jwt() | {"key": key()["key"]}]},
            "spec.credentials[0].key",
            "must be set when, and only when, credential.type is Key; type is JWT",
            id="both a key and a token",
        ),
        pytest.param(
            {"credentials": [key() | {"jwt": jwt()["jwt"]}]},
            "spec.credentials[0].jwt",
            "must be set when, and only when, credential.type is JWT; type is Key",
            id="a token beside a key",
        ),
        pytest.param({"credentials": [key(), key()]}, "spec.credentials", "duplicate", id="a credential twice"),
        pytest.param(
            {"credentials": [key(f"k{n}") for n in range(9)]}, "spec.credentials", "items", id="too many credentials"
        ),
        pytest.param(
            {"credentials": [jwt(issuer="http://id.example.com")]},
            "spec.credentials[0].jwt.issuer",
            "must be https://<host name>[:<port>][/<path>] such as https://api.example.com/v1: a host name in lower "
            "case with a dot, no address, and no user, query or fragment",
            id="an issuer without https",
        ),
        pytest.param(
            {"credentials": [jwt(audiences=[])]}, "spec.credentials[0].jwt.audiences", "items", id="a token for anybody"
        ),
        pytest.param(
            {"credentials": [jwt(subject="")]}, "spec.credentials[0].jwt.subject", "pattern", id="a token of nobody"
        ),
        pytest.param({"budgets": [budget(amount=-1)]}, "spec.budgets[0].amount", "range", id="a debt"),
        pytest.param({"budgets": [budget(amount=10**12)]}, "spec.budgets[0].amount", "range", id="13 digits"),
        pytest.param({"budgets": [budget(amount="1e3")]}, "spec.budgets[0].amount", "pattern", id="an exponent"),
        pytest.param({"budgets": [budget(period="Year")]}, "spec.budgets[0].period", "enum", id="an unknown period"),
        pytest.param({"budgets": [budget(timeZone="+01:00")]}, "spec.budgets[0].timeZone", "pattern", id="an offset"),
        pytest.param(
            {"budgets": [budget(mode="Hard", graceSeconds=1)]},
            "spec.budgets[0].graceSeconds",
            "may not be set: a Hard budget is never served without the ledger; remove graceSeconds or set mode to Soft",
            id="a Hard budget with grace",
        ),
        pytest.param({"limits": {"tokensPerMinute": 0}}, "spec.limits.tokensPerMinute", "range", id="no tokens"),
        pytest.param({"suspended": "yes"}, "spec.suspended", "type", id="yes"),
        pytest.param({"keys": []}, "spec.keys", "unknown", id="an unknown field"),
    ],
)
def test_wrong_specs_are_refused_by_field_and_in_words(spec, field, words):
    assert refused(spec) == {field: words}


@pytest.mark.parametrize("pattern", ["*-bot", "a*b", "a**", "b-", ".*", "a\n", ""])
def test_patterns_that_an_older_crd_let_in_match_nothing_unexpected(pattern):
    with pytest.raises(Stalled, match=r"spec\.models\.0"):
        consumer({"models": [pattern]})
