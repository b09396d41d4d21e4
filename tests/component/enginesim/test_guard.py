"""The key of the simulated engine: what asks for it, and in which words."""

from pathlib import Path

import pytest

from paceline.enginesim.guard import BadConfigError, read_key
from tests.support.enginesim import MODEL, in_loop, process

KEY = "pl-right"


@pytest.fixture
async def locked(tmp_path: Path):
    async with in_loop(tmp_path / "truth.jsonl", api_key=KEY) as running, running.http() as http:
        yield http


ASK = {"model": MODEL, "prompt": "x", "max_tokens": 1}


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", KEY, f"Basic {KEY}", "Bearer \u00e4"])
async def test_without_the_key_nothing_is_computed(locked, header):
    headers = {} if header is None else {"Authorization": header.encode()}
    for path in ("/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/rerank", "/tokenize", "/v1/nothing"):
        answer = await locked.post(path, json=ASK, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"}), path
    assert (await locked.get("/v1/models", headers=headers)).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_with_the_key_it_answers(locked, scheme):
    answer = await locked.post("/v1/completions", json=ASK, headers={"Authorization": f"{scheme} {KEY}"})
    assert answer.status_code == 200
    assert answer.json()["choices"]


@pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/metrics"])
async def test_what_probes_and_scrapers_ask_needs_no_key(locked, path):
    assert (await locked.get(path)).status_code == 200


async def test_without_a_key_of_its_own_it_answers_anybody(server):
    async with server.http() as http:
        assert (await http.post("/v1/completions", json=ASK)).status_code == 200


def test_the_process_takes_the_key_from_a_file_and_never_shows_it(tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text(f"api-key: {KEY}\n")
    with process(tmp_path / "truth", "--config", str(config), "--load-seconds", "0") as running:
        assert running.sync_client().with_options(api_key=KEY).completions.create(**ASK).choices
        running.process.terminate()
        assert KEY not in running.process.communicate()[0]


@pytest.mark.parametrize(
    "text", ["", "api-key:", "api-key: 7", "- api-key: x", "api-key: x\nport: 1", "api-key: [", "port: 1"]
)
def test_another_file_is_refused_without_what_is_in_it(tmp_path: Path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BadConfigError, match=r"config\.yaml"):
        read_key(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadConfigError, match="cannot be read: FileNotFoundError"):
        read_key(tmp_path / "none.yaml")
