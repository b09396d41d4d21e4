"""Chat with the official client."""

import json

import pytest
from openai import BadRequestError, NotFoundError

from paceline.enginesim.prompts import IMAGE_TOKENS
from tests.support.enginesim import MODEL, Running

HELLO = [{"role": "user", "content": "Tell me about the harbour."}]


async def test_an_answer_has_words_usage_and_a_reason(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12)
    choice = answer.choices[0]
    assert choice.message.content
    assert choice.finish_reason in {"stop", "length"}
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens <= 12


async def test_a_stream_says_the_same_as_the_whole_answer_with_the_same_seed(server: Running):
    async with server.client() as client:
        whole = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40, seed=7)
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40, seed=7, stream=True)
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert len({chunk.id for chunk in chunks}) == 1


async def test_another_seed_says_something_else(server: Running):
    async with server.client() as client:
        texts = {
            (await client.chat.completions.create(model=MODEL, messages=HELLO, seed=seed)).choices[0].message.content
            for seed in range(4)
        }
    assert len(texts) > 1


async def test_usage_comes_at_the_end_or_with_every_chunk(server: Running):
    async with server.client() as client:
        ask = {"model": MODEL, "messages": HELLO, "max_tokens": 6, "stream": True, "extra_body": {"ignore_eos": True}}
        stream = await client.chat.completions.create(**ask, stream_options={"include_usage": True})
        at_end = [chunk async for chunk in stream]
        stream = await client.chat.completions.create(
            **ask, stream_options={"include_usage": True, "continuous_usage_stats": True}
        )
        always = [chunk async for chunk in stream]
    assert [chunk.usage is not None for chunk in at_end] == [False] * (len(at_end) - 1) + [True]
    assert at_end[-1].choices == []
    assert at_end[-1].usage.completion_tokens == 6
    counts = [chunk.usage.completion_tokens for chunk in always]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert always[0].choices[0].delta.role == "assistant"
    assert counts[-1] == 6


async def test_n_answers_differ_and_count_the_prompt_once(server: Running):
    async with server.client() as client:
        one = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8)
        three = await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=8, n=3, extra_body={"ignore_eos": True}
        )
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, n=2, stream=True)
        places = {chunk.choices[0].index async for chunk in stream}
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in three.choices}) > 1
    assert three.usage.prompt_tokens == one.usage.prompt_tokens
    assert three.usage.completion_tokens == 24
    assert places == {0, 1}


async def test_ignore_eos_gives_exactly_the_tokens_asked_for(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_completion_tokens=300, extra_body={"ignore_eos": True}
        )
    assert answer.usage.completion_tokens == 300
    assert answer.choices[0].finish_reason == "length"


async def test_an_answer_ends_before_a_stop_text_also_inside_of_a_stream(server: Running):
    async with server.client() as client:
        ask = {"model": MODEL, "messages": HELLO, "seed": 7, "max_tokens": 40}
        free = (await client.chat.completions.create(**ask)).choices[0].message.content
        stop = free[8:14]
        stopped = await client.chat.completions.create(**ask, stop=stop)
        stream = await client.chat.completions.create(**ask, stop=[stop, "never said"], stream=True)
        streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert stopped.choices[0].message.content == free[: free.index(stop)] == streamed
    assert stopped.choices[0].finish_reason == "stop"


async def test_logprobs_are_those_of_the_words_said(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=5, logprobs=True, top_logprobs=3
        )
        stream = await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=5, logprobs=True, stream=True
        )
        streamed = [chunk.choices[0].logprobs async for chunk in stream if chunk.choices[0].logprobs]
    content = answer.choices[0].logprobs.content
    assert "".join(entry.token for entry in content) == answer.choices[0].message.content
    assert all(entry.logprob < 0 and len(entry.top_logprobs) == 3 for entry in content)
    assert all(
        entry.top_logprobs[0].logprob >= entry.top_logprobs[1].logprob >= entry.top_logprobs[2].logprob
        for entry in content
    )
    assert len(streamed) >= 4


async def test_images_count_as_tokens(server: Running):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    words = {"type": "text", "text": "What is this?"}
    async with server.client() as client:
        plain = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": [words]}], max_tokens=1
        )
        seen = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": [words, image]}], max_tokens=1
        )
    assert seen.usage.prompt_tokens - plain.usage.prompt_tokens == IMAGE_TOKENS


async def test_a_prompt_that_came_before_is_taken_from_the_cache(server: Running):
    long = [{"role": "user", "content": "The wind came from the west. " * 20}]
    async with server.client() as client:
        first = await client.chat.completions.create(model=MODEL, messages=long, max_tokens=1)
        again = await client.chat.completions.create(model=MODEL, messages=long, max_tokens=1)
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert again.usage.prompt_tokens_details.cached_tokens > 100


async def test_characters_of_several_bytes_survive_a_stream(server: Running):
    schema = {"type": "object", "properties": {"city": {"const": "北京, Zürich, 🚲"}}, "required": ["city"]}
    shape = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    async with server.client() as client:
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, response_format=shape, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert json.loads(text) == {"city": "北京, Zürich, 🚲"}


async def test_prompt_logprobs_come_with_rank_and_words(server: Running):
    async with server.http() as http:
        answer = await http.post(
            "/v1/chat/completions",
            json={"model": MODEL, "messages": HELLO, "max_tokens": 1, "prompt_logprobs": 2},
        )
    document = answer.json()
    entries = document["prompt_logprobs"]
    assert len(entries) == document["usage"]["prompt_tokens"]
    assert entries[0] is None
    assert all({"logprob", "rank", "decoded_token"} == set(value) for value in entries[-1].values())


async def test_an_unknown_model_is_404_and_names_the_one_there_is(server: Running):
    async with server.client() as client:
        with pytest.raises(NotFoundError, match=f"'gpt-9' does not exist: this server has '{MODEL}'"):
            await client.chat.completions.create(model="gpt-9", messages=HELLO)


WRONG = [
    ({"messages": []}, "messages is []"),
    ({"temperature": -1}, "temperature is -1"),
    ({"max_tokens": 0}, "max_tokens is 0: ask for at least 1 token"),
    ({"max_tokens": "many"}, "max_tokens is 'many'"),
    ({"max_tokens": 10**6}, "1000000 answer tokens; this model's context is 8192 tokens"),
    ({"messages": [{"role": "user", "content": "word " * 9000}]}, "shorten the prompt"),
    ({"messages": [{"role": "owl", "content": "hoo"}]}, "messages.0.role is 'owl'"),
    ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages.0.content.0.type is 'video'"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/x"}}]}]},
        "messages.0.content.0.image_url.url is 'file:///etc/x': give an http(s) or data:image/ URL",
    ),
    ({"stream_options": {"include_usage": True}}, "stream_options only works with stream"),
    ({"stream": True, "prompt_logprobs": 1}, "prompt_logprobs does not work with stream"),
    ({"top_logprobs": 2}, "top_logprobs only works with logprobs"),
    ({"tool_choice": "required"}, "tool_choice only works with tools"),
    ({"response_format": {"type": "json_schema"}}, "json_schema is missing"),
    ({"response_format": {"type": "xml"}}, "response_format.type is 'xml'"),
    ({"n": 1000}, "n is 1000"),
    ({"stop": [""]}, "stop.0 is ''"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content is 5: input should be a valid string"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0 is 'x'"),
    ({"tool_choice": "all"}, "tool_choice is 'all': input should be 'none', 'auto' or 'required'"),
    ({"tool_choice": {"function": {}}}, "tool_choice.function.name is missing"),
    ({"min_tokens": 9, "max_tokens": 8}, "min_tokens is 9: at most 8 tokens are asked for"),
    ({"min_tokens": 9, "max_tokens": 20, "max_completion_tokens": 8}, "min_tokens is 9"),
]


@pytest.mark.parametrize(("changed", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
async def test_wrong_input_is_400_and_names_field_value_and_remedy(server: Running, changed, words):
    async with server.client() as client:
        with pytest.raises(BadRequestError) as caught:
            await client.post("/chat/completions", body={"model": MODEL, "messages": HELLO, **changed}, cast_to=object)
    assert words in caught.value.body["message"]
    assert set(caught.value.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "prompt_logprobs": 1}, "prompt_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"function": {}}}, "tool_choice.function.name"),
        ({"min_tokens": 9, "max_tokens": 8}, "min_tokens"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
async def test_fields_that_do_not_fit_together_are_named_without_repeating_the_request(server: Running, changed, field):
    async with server.http() as http:
        ask = {"model": MODEL, "messages": [{"role": "user", "content": "my secret"}], **changed}
        answer = await http.post("/v1/chat/completions", json=ask)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, field)
    assert "secret" not in error["message"]
