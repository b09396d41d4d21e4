"""The generator, and that crds/ is what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field

from paceline.api import crdgen
from paceline.api.base import DecimalText, Model
from paceline.api.schema import structural
from tests.support.golden import writing

CRDS = Path(__file__).resolve().parents[3] / "crds"


class Inner(Model):
    """inner words."""

    size: int = Field(1, ge=0, le=5, description="size is a number.")
    word: str | None = Field(None, description="word may be missing.")
    names: tuple[str, ...] = Field((), max_length=2, description="names may be none.")


class Outer(Model):
    """outer words."""

    kind: Literal["Only"] = Field(description="kind is one.")
    inner: Inner | None = Field(None, description="inner is described where it stands.")
    whole: Inner = Field(Inner(), description="whole has a default.")
    share: DecimalText = Field("1", description="share is a decimal.")
    labels: dict[Annotated[str, Field(max_length=5)], str] = Field(default_factory=dict, max_length=3)
    words: tuple[str, ...] = Field((), max_length=2)
    big: int = Field(0, ge=0, le=2**40)


@pytest.fixture
def outer():
    return structural(Outer)["properties"]


def test_the_checked_in_crds_are_what_the_models_say():
    for name, text in crdgen.render().items():
        if writing():
            (CRDS / name).write_text(text)
        assert (CRDS / name).read_text() == text, "run `make crds`"
    assert {path.name for path in CRDS.glob("*.yaml")} == set(crdgen.render())


def test_crds_have_no_anchors():
    assert all("&id" not in text for text in crdgen.render().values())


def test_rendering_twice_gives_the_same_text():
    assert crdgen.render() == crdgen.render()
    assert all(yaml.safe_load(text)["kind"] == "CustomResourceDefinition" for text in crdgen.render().values())


def test_references_are_inlined_and_the_words_beside_them_win(outer):
    assert outer["inner"]["description"] == "inner is described where it stands."
    assert outer["inner"]["properties"]["size"]["maximum"] == 5


def test_null_is_dropped_from_types_and_defaults(outer):
    assert outer["inner"]["type"] == "object"
    assert "default" not in outer["inner"]
    assert outer["whole"]["default"] == {"size": 1}


def test_a_constant_becomes_an_enum_of_one(outer):
    assert outer["kind"]["enum"] == ["Only"]


def test_a_decimal_is_an_integer_or_a_string(outer):
    assert outer["share"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert "type" not in outer["share"]
    assert outer["share"]["pattern"]


def test_empty_defaults_are_left_out(outer):
    assert "default" not in outer["words"]
    assert "default" not in outer["labels"]


def test_maps_keep_their_values_schema_and_bound(outer):
    assert outer["labels"]["additionalProperties"]["type"] == "string"
    assert outer["labels"]["maxProperties"] == 3
    assert "propertyNames" not in outer["labels"]


def test_integers_say_how_wide_they_are(outer):
    assert outer["whole"]["properties"]["size"]["format"] == "int32"
    assert outer["big"]["format"] == "int64"


def test_unions_that_a_crd_cannot_hold_are_refused():
    class Either(Model):
        value: int | str

    with pytest.raises(ValueError, match="structural schema"):
        structural(Either)
