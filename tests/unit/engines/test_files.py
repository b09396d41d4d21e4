"""Where files come from and who sees which secret."""

from __future__ import annotations

import pytest

from paceline.engines.files import claim, sources
from tests.support import models

TOKEN = {"name": "hf", "key": "token"}


def found(**spec):
    return {one.name: one for one in sources(models.model(spec))}


def test_an_engine_that_brings_its_model_has_nothing_to_look_up():
    assert found() == {}


def test_a_repository_without_a_revision_is_at_main():
    assert found(model={"uri": "hf://acme/model"})["base"].revision == "main"
    assert found(model={"uri": "s3://models/a"})["base"].revision is None


def test_secrets_are_files_and_never_values():
    assert found(model={"uri": "hf://a/b", "secretRef": TOKEN})["base"].secret_file == (
        "/var/run/secrets/paceline/base/token"
    )


@pytest.mark.parametrize(
    ("model", "adapter", "shown"),
    [
        ("hf://a/b", "hf://a/lora", True),
        ("hf://a/b", "s3://bucket/lora", False),
        ("hf://a/b", "https://elsewhere.example.com/lora", False),
        ("https://one.example.com/m", "https://one.example.com/lora", True),
        ("https://one.example.com/m", "https://other.example.com/lora", False),
        ("https://one.example.com/m", "https://one.example.com:8443/lora", False),
    ],
)
def test_the_models_token_is_shown_to_an_adapters_source_only_where_it_is_the_same(model, adapter, shown):
    made = found(model={"uri": model, "secretRef": TOKEN}, adapters=[{"name": "a", "uri": adapter}])
    assert (made["adapter-a"].secret_file is not None) is shown


def test_an_adapter_may_have_a_secret_of_its_own():
    own = {"name": "a", "uri": "s3://b/c", "secretRef": {"name": "s3", "key": "credentials"}}
    made = found(model={"uri": "hf://a/b", "secretRef": TOKEN}, adapters=[own])
    assert made["adapter-a"].secret_file == "/var/run/secrets/paceline/adapter-a/credentials"


@pytest.mark.parametrize(("uri", "parts"), [("pvc://models", ("models", "")), ("pvc://models/a/b/", ("models", "a/b"))])
def test_a_claim_has_a_folder(uri, parts):
    assert claim(uri) == parts
    assert found(model={"uri": uri})["base"].uri == "file:///claims/base"
