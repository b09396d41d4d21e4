"""Hosts and addresses outside: what is none is refused at admission, and once more by the operator."""

from __future__ import annotations

import pytest

from paceline.errors import Stalled
from tests.support.admission import refusals
from tests.support.gateways import external, gateway, manifest, route

RIGHT = [
    "https://api.example.com",
    "https://api.example.com/",
    "https://api.example.com/v1",
    "https://api.example.com/v1/",
    "https://api.example.com:8443/v1beta/openai",
    "https://a-b.example.co/openai/deployments/gpt-4.1_mini~x",
    "https://api.example.com:65535",
    "https://llm.team.svc.cluster.local/v1",
]
WRONG = [
    "http://api.example.com/v1",
    "HTTPS://api.example.com/v1",
    "ftp://api.example.com",
    "//api.example.com/v1",
    "api.example.com/v1",
    "https://",
    "https:///v1",
    "https://localhost/v1",
    "https://metadata/v1",
    "https://169.254.169.254/latest",
    "https://127.1/v1",
    "https://0x7f.0.0.1/v1",
    "https://0x7f000001/v1",
    "https://2130706433/v1",
    "https://0177.0.0.1/v1",
    "https://[::1]/v1",
    "https://[::ffff:127.0.0.1]/v1",
    "https://api.example.com./v1",
    "https://user@api.example.com/v1",
    "https://user:word@api.example.com/v1",
    "https://api.example.com@evil.example/v1",
    "https://api.example.com:443@evil.example/v1",
    "https://api.example.com\\@evil.example/v1",
    "https://api.example.com/v1?key=x",
    "https://api.example.com/v1#x",
    "https://api.example.com/../v1",
    "https://api.example.com/./v1",
    "https://api.example.com/v1/..",
    "https://api.example.com/%2e%2e/v1",
    "https://api.example.com//v1",
    "https://api.example.com/v1\n",
    "https://api.example.com/v 1",
    "https://api.example.com:/v1",
    "https://api.example.com:0/v1",
    "https://api.example.com:65536/v1",
    "https://api.example.com:99999",
    "https://api.example.com:443:443/v1",
    "https://аpi.example.com/v1",
    "https://API.example.com/v1",
    "https://%61pi.example.com/v1",
    "https://${HOST}/v1",
    "https://" + "a" * 200 + ".example.com",
]


def spec_with(url):
    return {"routes": [route(external(url=url))]}


@pytest.mark.parametrize("url", RIGHT)
def test_services_outside_are_reached_by_https_and_a_host_name(url):
    assert refusals("gateways", manifest(spec_with(url))["spec"]) == {}
    assert gateway(spec_with(url)).spec.routes[0].backends[0].external.base_url == url


@pytest.mark.parametrize("url", WRONG)
def test_addresses_users_queries_and_tricks_are_refused(url):
    assert refusals("gateways", manifest(spec_with(url))["spec"]).keys() == {
        "spec.routes[0].backends[0].external.baseUrl"
    }
    with pytest.raises(Stalled, match="baseUrl"):
        gateway(spec_with(url))


def test_a_refused_address_is_said_with_what_is_right():
    with pytest.raises(Stalled, match=r"must be https://<host name>.*but it is 'http://api.example.com/v1'"):
        gateway(spec_with("http://api.example.com/v1"))


@pytest.mark.parametrize("host", ["a.example.com", "*.example.com", "localhost", "1.example.com"])
def test_hosts_of_a_listener_are_names_with_a_star_at_most_in_front(host):
    assert gateway({"listener": {"hostnames": [host]}}).spec.listener.hostnames == (host,)


@pytest.mark.parametrize(
    "host", ["*", "a.*.com", "*a.com", "a.com:80", "https://a.com", "a..b", "-a.com", "a_b.com", ""]
)
def test_other_hosts_of_a_listener_are_refused(host):
    spec = {"listener": {"hostnames": [host]}}
    assert refusals("gateways", manifest(spec)["spec"]).keys() == {"spec.listener.hostnames[0]"}
    with pytest.raises(Stalled, match="hostnames"):
        gateway(spec)
