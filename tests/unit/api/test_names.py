"""Names of children: valid, bound to their owner, never the same for two."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from paceline.api import names
from paceline.api.digest import digest, short

NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", fullmatch=True)


@given(NAMES, NAMES, NAMES)
def test_a_childs_name_is_a_dns_label_that_begins_with_its_owner(namespace, owner, role):
    name = names.child_name(namespace, owner, role)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 61
    assert name.startswith(f"{owner}-")


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=2, max_size=20, unique=True))
def test_different_owners_or_roles_have_different_children(owners):
    assert len({names.child_name(*owner) for owner in owners}) == len(owners)


def test_names_that_read_alike_when_joined_do_not_collide():
    assert names.child_name("ns", "a-b", "c") != names.child_name("ns", "a", "b-c")


def test_the_selector_string_says_the_same_as_the_labels():
    assert names.selector("chat") == "app.kubernetes.io/component=engine,paceline.dev/modeldeployment=chat"


def test_the_endpoint_is_the_services_base_url():
    assert names.endpoint("models", "chat-1") == "http://chat-1.models.svc:80/v1"


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest(None))


def test_the_short_digest_is_the_begin_of_the_long_one():
    assert digest("x").removeprefix("sha256:").startswith(short("x"))
    assert len(short("x")) == 8


def test_the_generated_key_of_a_consumer_is_found_by_its_name():
    assert names.consumer_secret("site") == "site-key"
