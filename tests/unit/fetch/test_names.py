"""Names of files stay below their folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.errors import Stalled
from paceline.fetch.names import safe


@pytest.mark.parametrize("name", ["config.json", "onnx/model.onnx", "a b.txt", "ü.json", ".gitattributes", "..."])
def test_names_of_models_are_taken(name: str) -> None:
    assert str(safe(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "./a",
        "..",
        "a\\..\\b",
        "C:\\x",
        "a\0b",
        "a\nb",
        "x" * 256,
        "\ud800",
    ],
)
def test_names_that_lead_out_or_that_no_file_system_takes_are_refused(name: str) -> None:
    with pytest.raises(Stalled, match="SourceRefused"):
        safe(name)


@given(st.text(max_size=40))
def test_whatever_is_taken_stays_below(name: str) -> None:
    try:
        path = safe(name)
    except Stalled:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
