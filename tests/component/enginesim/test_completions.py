"""Completions, embeddings, models and tokens with the official client."""

import base64
import json
import math
from array import array

import pytest
from openai import BadRequestError

from tests.support.enginesim import MODEL, Running


async def test_a_completion_goes_on_where_the_prompt_ends(server: Running):
    async with server.client() as client:
        answer = await client.completions.create(
            model=MODEL, prompt="Many requests share one", max_tokens=1, temperature=0
        )
    assert answer.choices[0].text == " machine"
    assert answer.object == "text_completion"


async def test_a_stream_of_several_prompts_keeps_them_apart(server: Running):
    async with server.client() as client:
        stream = await client.completions.create(
            model=MODEL, prompt=["Water runs", "Fold the dough"], max_tokens=3, temperature=0, stream=True
        )
        texts = {0: "", 1: ""}
        async for chunk in stream:
            texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == {0: " down the hill", 1: " four times,"}


async def test_echo_and_logprobs_give_the_perplexity_of_a_text(server: Running):
    async def perplexity(text: str) -> float:
        answer = await client.completions.create(model=MODEL, prompt=text, max_tokens=0, echo=True, logprobs=1)
        choice = answer.choices[0]
        assert choice.text == text
        assert choice.logprobs.token_logprobs[0] is None
        assert choice.logprobs.text_offset[:2] == [0, 0]
        assert "".join(choice.logprobs.tokens) == text
        values = choice.logprobs.token_logprobs[1:]
        return math.exp(-sum(values) / len(values))

    async with server.client() as client:
        known = await perplexity("The time to the first token is what a person feels.")
        noise = await perplexity("Zebra quantum fjord, 99 xylophones!")
    assert known < 20
    assert noise > 200


async def test_logprobs_without_echo_cover_the_answer_only(server: Running):
    async with server.client() as client:
        answer = await client.completions.create(model=MODEL, prompt="Water runs", max_tokens=4, logprobs=2)
        plain = await client.completions.create(model=MODEL, prompt="Water runs", max_tokens=2, logprobs=0, echo=True)
        stream = await client.completions.create(
            model=MODEL, prompt="Water runs", max_tokens=4, logprobs=2, stream=True
        )
        streamed = [chunk.choices[0].logprobs async for chunk in stream if chunk.choices[0].logprobs]
    logprobs = answer.choices[0].logprobs
    assert "".join(logprobs.tokens) == answer.choices[0].text
    assert all(len(top) in {2, 3} for top in logprobs.top_logprobs)
    assert plain.choices[0].logprobs.top_logprobs is None
    assert len(streamed) >= 3


async def test_offsets_of_a_stream_are_those_of_the_whole_answer(server: Running):
    async with server.client() as client:
        ask = {"model": MODEL, "prompt": ["Water runs", "The boats"], "max_tokens": 6, "logprobs": 1, "seed": 7}
        whole = await client.completions.create(**ask, extra_body={"ignore_eos": True})
        stream = await client.completions.create(**ask, extra_body={"ignore_eos": True}, stream=True)
        offsets: dict[int, list[int]] = {0: [], 1: []}
        async for chunk in stream:
            if chunk.choices[0].logprobs:
                offsets[chunk.choices[0].index] += chunk.choices[0].logprobs.text_offset
    assert offsets == {choice.index: choice.logprobs.text_offset for choice in whole.choices}
    assert offsets[0][1] > 0


async def test_a_prompt_of_token_ids_has_as_many_tokens(server: Running):
    async with server.client() as client:
        answer = await client.completions.create(model=MODEL, prompt=[300] * 77, max_tokens=1)
        one = await client.completions.create(model=MODEL, prompt=[300], max_tokens=1)
    assert answer.usage.prompt_tokens == 77
    assert one.usage.prompt_tokens == 1


async def test_prompt_logprobs_of_a_completion_stand_in_its_choice(server: Running):
    async with server.http() as http:
        answer = await http.post(
            "/v1/completions",
            json={"model": MODEL, "prompt": "Water runs", "max_tokens": 1, "prompt_logprobs": 0},
        )
    entries = answer.json()["choices"][0]["prompt_logprobs"]
    assert entries[0] is None
    assert all(len(entry) == 1 for entry in entries[1:])


async def test_min_tokens_keeps_an_answer_from_ending(server: Running):
    async with server.client() as client:
        answer = await client.completions.create(
            model=MODEL, prompt="The end.", max_tokens=500, extra_body={"min_tokens": 200}
        )
    assert answer.usage.completion_tokens >= 200


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"prompt": []}, "prompt is empty"),
        ({"prompt": [[]]}, "prompt is an empty token list"),
        ({"prompt": [1, 10**9]}, "prompt has token 1000000000: ids go from 0 to"),
        ({"prompt": "x", "suffix": "y"}, "suffix is not supported"),
        ({"prompt": "x", "max_tokens": 0}, "or set echo to true"),
        ({"prompt": "x", "echo": True, "stream": True}, "echo does not work with stream"),
        ({}, "prompt is missing"),
        ({"prompt": 5}, "prompt is 5: input should be a valid string"),
        ({"prompt": [1, "a"]}, "prompt.1 is 'a': input should be a valid integer"),
        ({"prompt": "x", "max_tokens": 0, "echo": True, "min_tokens": 1}, "min_tokens is 1"),
    ],
)
async def test_wrong_completions_are_400_with_the_remedy(server: Running, changed, words):
    async with server.client() as client:
        with pytest.raises(BadRequestError) as caught:
            await client.post("/completions", body={"model": MODEL, **changed}, cast_to=object)
    assert words in caught.value.body["message"]


async def test_texts_that_share_words_have_nearer_embeddings(server: Running):
    texts = ["The boats went out to sea.", "The boats came back from the sea.", "Mix flour and salt."]
    async with server.client() as client:
        answer = await client.embeddings.create(model=MODEL, input=texts)
        short = await client.embeddings.create(model=MODEL, input="x", dimensions=16)
    one, near, far = (entry.embedding for entry in answer.data)
    assert math.isclose(sum(value * value for value in one), 1, rel_tol=1e-5)
    assert sum(map(float.__mul__, one, near)) > sum(map(float.__mul__, one, far))
    assert len(short.data[0].embedding) == 16
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 10


async def test_embeddings_are_the_same_as_numbers_and_as_base64(server: Running):
    async with server.http() as http:
        ask = {"model": MODEL, "input": "The gate", "dimensions": 8}
        numbers = (await http.post("/v1/embeddings", json=ask)).json()["data"][0]["embedding"]
        packed = (await http.post("/v1/embeddings", json={**ask, "encoding_format": "base64"})).json()
    assert list(array("f", base64.b64decode(packed["data"][0]["embedding"]))) == pytest.approx(numbers)


async def test_documents_that_share_words_with_the_query_come_first(server: Running):
    documents = ["the cat sat on the mat", "stock markets fell on friday", "a cat on a mat"]
    ask = {"model": MODEL, "query": "where did the cat sit, on a mat", "documents": documents}
    async with server.http() as http:
        answer = (await http.post("/v1/rerank", json=ask)).json()
        best = (await http.post("/v1/rerank", json={**ask, "top_n": 1})).json()
        none = await http.post("/v1/rerank", json={**ask, "documents": []})
    scores = [each["relevance_score"] for each in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["results"][-1]["index"] == 1
    assert all(each["document"]["text"] == documents[each["index"]] for each in answer["results"])
    assert answer["usage"]["prompt_tokens"] > 0
    assert best["results"] == answer["results"][:1]
    assert none.status_code == 400


async def test_an_embedded_text_may_fill_the_context_and_not_exceed_it(server: Running):
    async with server.http() as http:
        full = await http.post("/v1/embeddings", json={"model": MODEL, "input": [300] * 8192})
        longer = await http.post("/v1/embeddings", json={"model": MODEL, "input": [300] * 8193})
    assert full.json()["usage"]["prompt_tokens"] == 8192
    assert longer.status_code == 400
    message = longer.json()["error"]["message"]
    assert message == "input has 8193 tokens; this model's context is 8192 tokens: shorten the prompt"


async def test_models_are_listed_and_found_by_name(server: Running):
    async with server.client() as client:
        listed = [model.id async for model in client.models.list()]
        one = await client.models.retrieve(MODEL)
    assert listed == [MODEL]
    assert one.id == MODEL


async def test_tokenize_says_what_a_prompt_will_cost(server: Running):
    messages = [{"role": "user", "content": "Hello"}]
    async with server.http() as http, server.client() as client:
        counted = (await http.post("/tokenize", json={"messages": messages})).json()
        text = (await http.post("/tokenize", json={"prompt": "Water runs"})).json()
        wrong = await http.post("/tokenize", json={})
        answer = await client.chat.completions.create(model=MODEL, messages=messages, max_tokens=1)
    assert counted["count"] == answer.usage.prompt_tokens
    assert text["count"] == len(text["tokens"]) == 3
    assert wrong.status_code == 400


async def test_whatever_is_not_json_is_400(server: Running):
    async with server.http() as http:
        for content, words in (
            (b"{", "the body is not JSON"),
            (b"[]", "the body is a JSON list"),
            (b"\xff", "not JSON"),
        ):
            answer = await http.post("/v1/completions", content=content)
            assert answer.status_code == 400
            assert words in answer.json()["error"]["message"]
        deep = await http.post("/v1/completions", content=b"[" * 200_000)
        assert deep.status_code == 400


async def test_wrong_paths_methods_and_models_are_told_apart(server: Running):
    async with server.http() as http:
        nowhere = await http.get("/v2/models")
        method = await http.get("/v1/completions")
        model = await http.get("/v1/models/other")
    assert (nowhere.status_code, method.status_code, model.status_code) == (404, 405, 404)
    assert "use POST" in method.json()["error"]["message"]
    assert "/v1/models" in nowhere.json()["error"]["message"]
    assert json.loads(model.content)["error"]["param"] == "model"


async def test_a_request_id_comes_back_or_is_made(server: Running):
    async with server.http() as http:
        ask = {"model": MODEL, "prompt": "x", "max_tokens": 1}
        named = await http.post("/v1/completions", json=ask, headers={"x-request-id": "mine-1"})
        made = await http.post("/v1/completions", json=ask)
    assert named.headers["x-request-id"] == "mine-1"
    assert named.json()["id"] == "cmpl-mine-1"
    assert len(made.headers["x-request-id"]) == 32
    assert [record["id"] for record in server.records()] == ["mine-1", made.headers["x-request-id"]]
