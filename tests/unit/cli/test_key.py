"""key: what is written into Secrets and Consumers, in which order, and what a user is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from paceline.cli import credentials
from paceline.cli.console import ExitCode
from paceline.cli.kinds import CONSUMER
from tests.support.cli_objects import a_consumer, cond, key_of
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

SITE = CONSUMER.path("models", "site")
SECRETS = "/api/v1/namespaces/models/secrets"
KEY_1 = key_of("key-1", "site-key-1")


def world(api: FakeApi, consumer: dict[str, Any]) -> None:
    api.put(SITE, consumer)
    api.put(SECRETS, {"metadata": {"name": "made", "resourceVersion": "9"}}, 201)
    api.put(f"{SECRETS}/made", {})


def sent(api: FakeApi, method: str) -> list[dict[str, Any]]:
    return [json.loads(body) for verb, _, body in api.requests if verb == method]


def written(api: FakeApi) -> list[str]:
    """Names of the credentials that the Consumer was given last."""
    return [each["name"] for each in sent(api, "PUT")[-1]["spec"]["credentials"]]


def test_create_puts_a_key_of_256_bits_into_a_secret_of_its_own_and_then_adds_it(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    code, out, err = paceline("key", "create", "site")
    assert code == 0
    assert [method for method, _, _ in api.requests] == ["GET", "POST", "PUT", "GET"]
    (secret,) = sent(api, "POST")
    assert secret["metadata"]["name"] == "site-key-2"
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid-site"
    value = secret["stringData"]["token"]
    assert value.startswith("pl_")
    assert len(base64.urlsafe_b64decode(value.removeprefix("pl_") + "=")) == 32
    (consumer,) = sent(api, "PUT")
    assert consumer["metadata"]["resourceVersion"] == "5"
    assert consumer["spec"]["credentials"] == [KEY_1, key_of("key-2", "site-key-2")]
    assert "status" not in consumer
    assert "in force in every gateway" in err
    assert out == (
        "kubectl get secret -n models site-key-2 -o go-template='{{index .data \"token\" | base64decode}}'\n"
    )
    assert value not in out + err


def test_two_keys_are_never_the_same() -> None:
    made = [credentials.secret(a_consumer(), "key-1")["stringData"]["token"] for _ in range(100)]
    assert len(set(made)) == 100


def test_the_key_itself_is_printed_where_it_is_asked_for(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    _, out, err = paceline("key", "create", "site", "--show")
    value = sent(api, "POST")[0]["stringData"]["token"]
    assert out == f"{value}\n"
    assert value not in err
    _, out, _ = paceline("key", "create", "site", "--show", "-o", "json")
    assert json.loads(out)["key"] == sent(api, "POST")[1]["stringData"]["token"]


def test_as_data_a_key_has_its_place_and_the_command_that_reads_it(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    data = json.loads(paceline("key", "create", "site", "--name", "blue", "-o", "json")[1])
    assert data.pop("readCommand").startswith("kubectl get secret -n models site-blue ")
    assert data == {
        "namespace": "models",
        "consumer": "site",
        "credential": "blue",
        "secretRef": {"name": "site-blue", "key": "token"},
    }


def test_a_generated_key_is_not_put_out_of_force_by_another_one(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer())
    code, out, err = paceline("key", "create", "site")
    assert (code, out) == (ExitCode.FAILED, "")
    assert "kubectl get secret -n models site-key -o" in err
    assert "paceline key rotate site" in err
    assert [method for method, _, _ in api.requests] == ["GET"]


def test_an_unknown_consumer_is_not_found(api: FakeApi, paceline: Run) -> None:
    api.items(CONSUMER.path("models"), a_consumer())
    code, _, err = paceline("key", "create", "sites")
    assert code == ExitCode.NOT_FOUND
    assert "no Consumer sites in namespace models." in err
    assert "there are: site" in err


def test_who_may_not_make_secrets_changes_nothing(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    api.refuse(SECRETS, 403, 'secrets is forbidden: User "me" cannot create resource "secrets"')
    code, _, err = paceline("key", "create", "site")
    assert code == ExitCode.FAILED
    assert 'User "me" cannot create resource "secrets"' in err
    assert sent(api, "PUT") == []


def test_a_secret_that_is_there_is_left_alone(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    api.refuse(SECRETS, 409, "exists")
    code, _, err = paceline("key", "create", "site")
    assert code == ExitCode.FAILED
    assert "Secret site-key-2 is there already" in err
    assert sent(api, "PUT") == []


def test_a_key_to_which_nothing_refers_is_taken_back(api: FakeApi, paceline: Run, monkeypatch: Any) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    whole = api.answer

    def answer(path: str) -> tuple[int, str, str]:
        return (403, "application/json", '{"message": "no"}') if api.requests[-1][0] == "PUT" else whole(path)

    monkeypatch.setattr(api, "answer", answer)
    code, out, _ = paceline("key", "create", "site", "--show")
    assert (code, out) == (ExitCode.FAILED, "")
    method, path, body = api.requests[-1]
    assert (method, path) == ("DELETE", f"{SECRETS}/made")
    assert json.loads(body) == {"preconditions": {"resourceVersion": "9"}}
    api.refuse(f"{SECRETS}/made", 403, "may not delete")
    assert "could not be deleted: the cluster refuses: may not delete" in paceline("key", "create", "site")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--name", "key-3"), "has a credential key-3 already", id="taken"),
        pytest.param((), "has 8 credentials already, of 8", id="full"),
    ],
)
def test_a_credential_that_cannot_be_added_is_refused_before_anything_is_made(
    arguments: tuple[str, ...], words: str, api: FakeApi, paceline: Run
) -> None:
    world(api, a_consumer(credentials=[key_of(f"key-{number}") for number in range(8)]))
    code, _, err = paceline("key", "create", "site", *arguments)
    assert code == ExitCode.FAILED
    assert words in err
    assert sent(api, "POST") == []


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        pytest.param([cond("Ready", "False", "AwaitingAgent", "not b.")], "AwaitingAgent: not b.", id="a-pod-lacks-it"),
        pytest.param([], "NotYetObserved: the operator has not looked at it", id="not-seen"),
        pytest.param([cond("Ready", "True") | {"observedGeneration": 0}], "Because: ", id="of-the-spec-before"),
    ],
)
def test_what_is_not_in_force_in_time_is_told_and_nothing_is_printed(
    conditions: list[dict[str, Any]], words: str, api: FakeApi, paceline: Run
) -> None:
    world(api, a_consumer(credentials=[KEY_1], conditions=conditions))
    code, out, err = paceline("key", "rotate", "site", "--revoke-old", "--timeout", "0.3", "--show")
    assert (code, out) == (ExitCode.NOT_READY, "")
    assert "the change is written, and not in force in every gateway" in err
    assert words in err
    assert written(api) == ["key-1", "key-2"]


def test_rotate_keeps_the_generated_key_until_it_is_revoked(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer())
    code, _, err = paceline("key", "rotate", "site")
    assert code == 0
    first, second = sent(api, "PUT")[-1]["spec"]["credentials"]
    assert first == key_of("generated", "site-key")
    assert second == key_of("key-1", "site-key-1")
    assert "paceline key revoke site generated -n models" in err


def test_rotate_removes_all_older_keys_where_asked_and_leaves_tokens(api: FakeApi, paceline: Run) -> None:
    jwt = {"name": "bot", "type": "JWT", "jwt": {}}
    there = [KEY_1, jwt, key_of("key-2")]
    world(api, a_consumer(credentials=there))
    answers = iter([there, [*there, key_of("key-3", "site-key-3")], [*there, key_of("key-3", "site-key-3")]])
    whole = api.answer

    def answer(path: str) -> tuple[int, str, str]:
        if api.requests[-1][0] == "GET" and path == SITE:
            api.put(SITE, a_consumer(credentials=next(answers, [])))
        return whole(path)

    api.answer = answer  # type: ignore[method-assign]
    code, _, err = paceline("key", "rotate", "site", "--revoke-old")
    assert code == 0
    assert written(api) == ["bot", "key-3"]
    assert "key-1 is revoked." in err
    assert "kubectl delete secret -n models site-key-1" in err


def test_revoke_takes_a_credential_out_of_the_list(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1, key_of("key-2"), {"name": "bot", "type": "JWT", "jwt": {}}]))
    code, out, err = paceline("key", "revoke", "consumer/site", "key-1")
    assert (code, out) == (0, "")
    assert written(api) == ["key-2", "bot"]
    assert "key-1 is revoked. Its Secret is there still: kubectl delete secret -n models site-key-1" in err
    assert paceline("key", "revoke", "site", "bot")[2].strip().endswith("bot is revoked.")


def test_the_last_credential_is_not_removed_because_the_generated_key_would_be_valid(
    api: FakeApi, paceline: Run
) -> None:
    world(api, a_consumer(credentials=[KEY_1]))
    code, _, err = paceline("key", "revoke", "site", "key-1")
    assert code == ExitCode.FAILED
    assert "paceline key revoke site -n models --suspend" in err
    assert sent(api, "PUT") == []


def test_revoke_suspends_where_asked(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer())
    assert paceline("key", "revoke", "site", "--suspend")[0] == 0
    assert sent(api, "PUT")[-1]["spec"] == a_consumer(suspended=True)["spec"]


@pytest.mark.parametrize("arguments", [(), ("key-1", "--suspend")], ids=["nothing", "both"])
def test_it_must_be_said_what_is_revoked(arguments: tuple[str, ...], api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer(credentials=[KEY_1, key_of("key-2")]))
    code, _, err = paceline("key", "revoke", "site", *arguments)
    assert code == ExitCode.USAGE
    assert "name one of key-1, key-2, or give --suspend" in err


def test_a_credential_that_there_is_not_is_not_found(api: FakeApi, paceline: Run) -> None:
    world(api, a_consumer())
    code, _, err = paceline("key", "revoke", "site", "key-9")
    assert code == ExitCode.NOT_FOUND
    assert "there are: generated" in err
