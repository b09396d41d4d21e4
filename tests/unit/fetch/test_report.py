"""Last words fit into what Kubernetes keeps of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.resolved import Resolved, Shape
from paceline.api.source import Failure, Report
from paceline.fetch.report import MOST_BYTES, encode

FULL = Resolved(
    commit="sha256:" + "0" * 64,
    bytes=10**12,
    weight_bytes=10**12,
    parameters=10**12,
    dtype="F8_E4M3",
    shape=Shape(layers=100, kv_heads=100, head_size=100, context_tokens=10**6),
    tokenizer_digest="sha256:" + "0" * 64,
    chat_template_digest="sha256:" + "1" * 64,
    chat_template_difference="x" * 300,
)


def plain(text: str) -> str:
    return text


def found(count: int) -> Report:
    return Report(found={"base": FULL, **{f"adapter-{'x' * 60}{number:02d}": FULL for number in range(count)}})


def test_a_model_is_reported_in_full() -> None:
    assert Report.model_validate_json(encode(found(0), plain)) == found(0)


def test_of_many_adapters_details_are_left_out_and_of_the_model_none() -> None:
    text = encode(found(11), plain)
    report = Report.model_validate_json(text)
    assert len(text.encode()) <= MOST_BYTES
    assert report.failure is None
    assert report.found["base"] == FULL
    assert len(report.found) == 12
    assert all(each.commit == FULL.commit for each in report.found.values())


def test_too_many_sources_are_a_failure_that_says_so() -> None:
    report = Report.model_validate_json(encode(found(32), plain))
    assert report.failure is not None
    assert "33 sources" in report.failure.message
    assert not report.failure.retry


def test_after_files_were_brought_adapters_may_be_left_out() -> None:
    report = Report.model_validate_json(encode(found(32), plain, complete=False))
    assert report == Report(found={"base": FULL})
    assert len(Report.model_validate_json(encode(found(3), plain, complete=False)).found) == 4


@given(st.text(alphabet=st.sampled_from('\0"\\ü€😀a'), max_size=1024))
def test_a_failure_fits_whatever_its_message_holds(message: str) -> None:
    text = encode(Report(failure=Failure(reason="X" * 64, message=message, retry=True)), plain)
    assert len(text.encode()) <= MOST_BYTES
    assert Report.model_validate_json(text).failure is not None


@pytest.mark.parametrize("count", range(16))
def test_every_number_of_sources_fits_or_fails(count: int) -> None:
    assert len(encode(found(count), plain).encode()) <= MOST_BYTES


def test_failures_are_redacted_at_the_last_moment_too() -> None:
    failure = Failure(reason="SourceInvalid", message="the token is sesame", retry=False)
    assert "sesame" not in encode(Report(failure=failure), lambda text: text.replace("sesame", "-"))
