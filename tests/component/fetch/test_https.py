"""Certificates, tokens and redirects of https, with an authority of our own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paceline.api.source import Report
from paceline.local.pki import Authority
from tests.support.modelfiles import model
from tests.support.webserver import Asked, Reply, WebServer, files, serving, times

Run = Callable[..., Report]
TOKEN = "canaryCANARYcanary1234"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("pki")
    Authority(folder, datetime.now(UTC)).sign("server", "server", names=["127.0.0.1"])
    return folder


@contextmanager
def secure(authority: Path, answer: Callable[[Asked], Reply]) -> Iterator[WebServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    with serving(answer, tls=context) as server:
        yield server


@pytest.fixture
def there(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A server with a model below /m, whose authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.crt"))
    with secure(authority, files({f"m/{name}": body for name, body in model().items()})) as server:
        yield server


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return str(path)


def expect(report: Report, reason: str) -> str:
    assert report.failure is not None
    assert report.failure.reason == reason, report.failure
    return report.failure.message


def test_a_token_is_sent_over_https_and_not_to_where_it_redirects(
    authority: Path, there: WebServer, fetch: Run, secret: str
) -> None:
    with secure(authority, files({"x": model()["config.json"]})) as other:
        there.rules.append(times(100, "config.json", status=302, body=b"", headers={"Location": f"{other.url}/x"}))
        assert fetch(f"{there.url}/m", secret_file=secret).failure is None
    assert {each.headers["authorization"] for each in there.asked} == {f"Bearer {TOKEN}"}
    assert other.asked
    assert not [each for each in other.asked if "authorization" in each.headers]


def test_a_redirect_to_plain_http_is_refused(there: WebServer, fetch: Run) -> None:
    with serving(files({"x": b"{}"})) as plain:
        there.rules.append(times(100, "config.json", status=302, body=b"", headers={"Location": f"{plain.url}/x"}))
        assert "https to http" in expect(fetch(f"{there.url}/m"), "SourceRefused")
        assert plain.asked == []


def test_a_hub_that_redirects_to_plain_http_is_refused(
    there: WebServer, fetch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", there.url)
    with serving(files({"x": b"{}"})) as plain:
        there.rules.append(times(100, "/api/", status=302, body=b"", headers={"Location": f"{plain.url}/x"}))
        assert "https to http" in expect(fetch("hf://org/model"), "SourceRefused")
        assert plain.asked == []


@pytest.mark.parametrize("uri", ["{url}/m", "hf://org/model"])
def test_a_certificate_of_nobody_is_refused(
    authority: Path, fetch: Run, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    with secure(authority, lambda _: Reply(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert "certificate" in expect(fetch(uri.format(url=server.url)), "SourceRefused")
        assert server.asked == []
