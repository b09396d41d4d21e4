"""Whose tokens are."""

from __future__ import annotations

import pytest

from paceline.errors import PacelineError, Transient
from paceline.kube.reviews import Reviews, User
from tests.support.worlds import Clock


class Answering:
    """Stands in for the client of the API server."""

    def __init__(self, status: object) -> None:
        self.status = status
        self.asked: list[object] = []

    async def send(self, method: str, resource: object, path: str, body: dict[str, object]) -> dict[str, object]:
        self.asked.append((method, path, body["spec"]))
        if isinstance(self.status, PacelineError):
            raise self.status
        return {"status": self.status}


GOOD = {"authenticated": True, "audiences": ["paceline"], "user": {"username": "system:serviceaccount:ml:web"}}


def reviews(status: object) -> tuple[Reviews, Answering, Clock]:
    api, clock = Answering(status), Clock()
    return Reviews(api, "paceline", clock=clock), api, clock  # type: ignore[arg-type]


async def test_the_api_server_is_asked_for_the_audience() -> None:
    made, api, _ = reviews(GOOD)
    assert await made.user("secret") == "system:serviceaccount:ml:web"
    assert api.asked == [
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"token": "secret", "audiences": ["paceline"]})
    ]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"authenticated": False, "error": "expired"},
        {"authenticated": True, "user": {"username": "x"}},
        {**GOOD, "audiences": ["another"]},
        {**GOOD, "user": {}},
    ],
)
async def test_a_token_that_is_not_good_for_us_is_nobodys(status: object) -> None:
    assert await reviews(status)[0].user("secret") == ""


async def test_the_pod_that_a_token_was_made_for_is_known() -> None:
    extra = {"authentication.kubernetes.io/pod-name": ["web-a"]}
    made, _, _ = reviews({**GOOD, "user": {**GOOD["user"], "extra": extra}})  # type: ignore[dict-item]
    assert await made.review("secret") == User("system:serviceaccount:ml:web", "web-a")


async def test_an_answer_is_believed_for_a_minute() -> None:
    made, api, clock = reviews(GOOD)
    await made.user("secret")
    await made.user("secret")
    assert len(api.asked) == 1
    clock.at += 61
    await made.user("secret")
    assert len(api.asked) == 2


async def test_tokens_are_not_kept() -> None:
    made, _, _ = reviews(GOOD)
    await made.user("a-long-secret")
    assert "a-long-secret" not in repr(made)


async def test_failures_do_not_repeat_the_token() -> None:
    made, _, _ = reviews(Transient("ServerError", "could not parse a-long-secret"))
    with pytest.raises(Transient) as error:
        await made.user("a-long-secret")
    assert "a-long-secret" not in str(error.value)


async def test_forged_tokens_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paceline.kube.reviews._MOST", 3)
    made, api, clock = reviews({})
    for number in range(5):
        await made.user(f"forged-{number}")
    assert len(made._known) == 3
    clock.at += 61
    await made.user("another")
    assert len(made._known) == 1
    assert len(api.asked) == 6
