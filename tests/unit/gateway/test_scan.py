"""The scanner reads a body exactly as CPython's json does, or refuses it."""

from __future__ import annotations

import json
import random
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bodies import GUARDED, MAX_DEPTH, Pairs, Refused, meaning, once, parse
from tests.support.lua import scan

BOUNDS = ("max_tokens", "max_completion_tokens")
BASE = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def body(**members: Any) -> bytes:
    return json.dumps(BASE | members).encode()


def wanted(text: bytes, prompt: str) -> dict[str, Any] | None:
    """What json says; None where the body must be refused."""
    try:
        return meaning(text, prompt)
    except Refused:
        return None


def check(text: bytes, prompt: str = "messages") -> bool:
    """The scanner and json agree; True where the body is accepted."""
    found, meant = scan(text, prompt), wanted(text, prompt)
    assert ("code" in found) == (meant is None), (text, found, meant)
    if meant is None:
        return False
    names = ("model", "stream", "bound", "n", "prompts")
    got = {name: found.get(name) for name in names}
    assert got == {name: meant[name] for name in got}, text
    for name, (first, last) in found["spans"].items():
        raw = text[first - 1 : last]
        value = parse(b'{"v":%s}' % raw).last()["v"]
        assert (raw, value) == (raw.strip(), meant["values"][name]), text
    assert set(found["spans"]) == set(meant["values"]), text
    return True


def code(text: bytes, prompt: str = "messages") -> str | None:
    check(text, prompt)
    return scan(text, prompt).get("code")


def test_it_finds_what_the_gateway_needs() -> None:
    found = scan(body(stream=True, max_tokens=7, max_completion_tokens=9, n=3, stream_options={"include_usage": False}))
    assert (found["model"], found["stream"], found["bound"], found["n"]) == ("m", True, 9, 3)
    assert found["prompt_bytes"] == len('[{"role": "user", "content": "hi"}]')
    assert set(found["spans"]) == {*BASE, "stream", "n", "stream_options", "include_usage", *BOUNDS}


def test_null_is_as_good_as_left_out() -> None:
    found = scan(body(stream=None, max_tokens=None, n=None, stream_options=None))
    assert (found["stream"], found.get("bound"), found["n"]) == (False, None, 1)


DECOYS = [
    {"metadata": {"model": "other", "stream": True}},
    {"tools": [{"function": {"parameters": {"model": "other", "max_tokens": 1}}}]},
    {"messages": [{"role": "user", "content": '","model":"other'}]},
    {"messages": [{"role": "user", "content": '\\","model":"other\\'}]},
    {"messages": [{"role": "user", "content": "}}]],{[", "model": "other"}]},
    {"user": '\\'}, {"user": '\\\\"'}, {"user": "\u2028\U0001f600\u0000"}, {"x": [[], {}, [{}], "", 0, -1.5e-7]},
]  # fmt: skip


@pytest.mark.parametrize("decoy", DECOYS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_nested_or_quoted_model_is_no_model(decoy: dict[str, Any], ascii_only: bool) -> None:
    for members in (BASE | decoy, decoy | {"messages": []} | BASE | decoy):
        for indent in (None, 1):
            text = json.dumps(members, ensure_ascii=ascii_only, indent=indent).encode()
            assert check(text)
            assert scan(text)["model"] == "m"


@pytest.mark.parametrize("name", sorted(GUARDED))
@pytest.mark.parametrize("spelling", ["plain", "escaped", "upper"])
def test_a_second_member_of_a_guarded_name_is_refused_in_every_spelling(name: str, spelling: str) -> None:
    again = {
        "plain": name,
        "escaped": "".join(f"\\u{ord(each):04X}" for each in name),
        "upper": name.upper(),
    }[spelling]
    values = {"messages": "[]", "model": '"m"', "stream": "true", "stream_options": "{}"}
    first = f'{{"model":"m","messages":[],"{name}":{values.get(name, "1")}'
    once_more = f',"{again}":{values.get(name, "1")}}}'
    wanted = "ambiguous_parameter" if spelling == "upper" else "duplicate_parameter"
    assert code((first + once_more).encode()) == ("duplicate_parameter" if name in BASE else wanted)
    assert code((f'{{"model":"m","messages":[],"{again}":1{once_more}').encode()) == wanted


def test_the_names_that_go_reads_as_others_are_refused() -> None:
    assert code('{"model":"m","messages":[],"ſtream":true}'.encode()) == "ambiguous_parameter"
    assert code(b'{"model":"m","messages":[],"\\u017ftream":true}') == "ambiguous_parameter"
    assert code('{"model":"m","messages":[],"max_to\u212aens":1}'.encode()) == "ambiguous_parameter"


def test_a_member_of_stream_options_counts_once_too() -> None:
    assert code(b'{"model":"m","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}')
    assert code(b'{"model":"m","messages":[],"stream_options":{"x":{"include_usage":1,"include_usage":1}}}') is None


def content(*values: bytes) -> list[bytes]:
    return [b'{"model":"m","messages":[%s]}' % value for value in values]


WRONG = {
    "invalid_json": [
        *(b"", b"null", b"[]", b'"model"', b"{", b"{'model':'m','messages':[]}"),
        *(body() + more for more in (b" {}", b"}", b"\0", b"x")),
        *(body()[:-1] + more for more in (b"", b",}", b"]", b',"x"}', b',"x":}', b",1:2}")),
        *(b"\xef\xbb\xbf" + body(), body().decode().encode("utf-16"), body().decode().encode("utf-16-le")),
        *content(b"1,", b"NaN", b"-Infinity", b"-", b"01", b"1.", b".5", b"1e", b"+1", b"0x1", b"nul", b"truE"),
        *content(b'"\n"', b'"\0"', b'"\x1f"', b'"\\x"', b'"\\u12g4"', b'"\\u123"', b'"\\"'),
        *(b'{"model":"m","messages":["' + end for end in (b"", b"\\", b"\\u", b"\\u00")),
    ],
    "invalid_utf8": content(
        *(
            b'"\xff"',
            b'"\x80"',
            b'"\xc0\xaf"',
            b'"\xed\xa0\x80"',
            b'"\xe2\x82"',
            b'"\xf4\x90\x80\x80"',
            b'"\xf0\x8f\xbf\xbf"',
        )
    ),
    "missing_parameter": [b"{}", b'{"model":"m"}', b'{"messages":[]}', body(model=None)],
    "invalid_type": [
        *(body(model=1), body(model=["m"]), body(stream="true"), body(stream=1), body(stream_options=True)),
        *(body(stream_options={"include_usage": 1}), body(messages={}), body(messages="hi"), body(n="1"), body(n=True)),
        *(body(max_tokens="5"), body(max_tokens=[]), body(max_completion_tokens={})),
    ],
    "invalid_value": [
        *(body(n=0), body(n=1.0), body(n=129), body(n=10**400), body(best_of=0), body(max_tokens=-1)),
        *(body(max_tokens=2**31), body()[:-1] + b',"max_tokens":1e309}', body()[:-1] + b',"n":1e0}'),
    ],
    "unsupported_parameter": [body(n_predict=9), body(N_predict=9)],
}


@pytest.mark.parametrize(("refusal", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_what_may_be_read_in_two_ways_is_refused(refusal: str, text: bytes) -> None:
    assert code(text) == refusal


def test_numbers_and_escapes_that_no_float_holds_are_let_through_where_they_mean_nothing_to_us() -> None:
    assert check(body()[:-1] + b',"seed":1e309,"x":[-0.0,1E+400,1e-400,123456789012345678901234567890]}')
    assert check(body(user="\\ud800 \ud800"[:7])[:-1] + b',"y":"\\ud800\\udc00\\ud800\\u0000"}')
    assert scan(b'{"model":"a\\u002fb","messages":[]}')["model"] == "a/b"


@pytest.mark.parametrize(
    "model", ["", "a b", "é", "m\r\nx-pl-client: evil", "x" * 257, 'a"b', "a\\b", "\x7f", "\u0000", "\ud800"]
)
def test_a_model_that_no_header_can_hold_is_the_model_that_nobody_has(model: str) -> None:
    text = body(model=model)
    assert check(text)
    assert scan(text)["model"] == "?"


@pytest.mark.parametrize(("levels", "accepted"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False), (100_000, False)])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(levels: int, accepted: bool, opening: str, closing: str) -> None:
    inner = "0" if opening != "[" else ""
    text = f'{{"model":"m","messages":[],"x":{opening * levels}{inner}{closing * levels}}}'.encode()
    found = scan(text)
    assert found.get("code") == (None if accepted else "too_deep")
    assert scan(text[: -levels // 2]).get("code") in {"too_deep", "invalid_json"}


@pytest.mark.parametrize("place", [0, 1, 500, 999, 1000])
def test_the_model_is_found_anywhere_between_decoys_of_two_megabytes(place: int) -> None:
    decoy = {"model": "other", "text": 'x","model":"other\\' * 90 + "é" * 200}
    members = [f'"d{number}":{json.dumps(decoy, ensure_ascii=False)}' for number in range(1000)]
    members.insert(place, '"model" :\t"right"')
    text = ("{" + ",\n".join(members) + ',"messages":[]}').encode()
    assert len(text) > 2_000_000
    assert scan(text)["model"] == "right"


def test_behind_thousands_of_escapes_only_the_ends_of_strings_are_looked_for() -> None:
    members = {"x": "\n" * 5000, "y": 'end\\","model":"other', "z": ["\\", '\\"', '"'], "model": "m", "messages": []}
    text = json.dumps(members).encode()
    assert check(text)
    assert scan(text)["model"] == "m"
    assert "code" not in scan(text.replace(b"end", b"\\xend"))
    assert scan(text.replace(b"end", b"\\\x1f"))["code"] == "invalid_json"
    assert scan(text.replace(b'"m"', b'"\\uzzzz"'))["model"] == "?"
    assert scan(json.dumps(members | {"x": "\n" * 4000}).replace("end", "\\xend").encode())["code"] == "invalid_json"
    for more in (b',"mode\\u006c":"o"}', b',"mode\\u006C":1}'):
        assert scan(text[:-1] + more)["code"] == "duplicate_parameter"


def test_media_are_counted_and_those_named_by_address_too() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"detail": "low", "url": "http://169.254.169.254/"}},
        {"type": "video_url", "video_url": "file:///etc/passwd"},
        {"type": "text", "text": "http://example.com"},
    ]
    found = scan(body(messages=[{"role": "user", "content": parts}]))
    assert (found["media"], found["remote"]) == (3, 2)
    hidden = body(messages=[{"content": parts[1:2]}]).replace(b'"image_url":', b'"image\\u005furl":')
    assert (scan(hidden)["media"], scan(hidden)["remote"]) == (1, 1)
    assert scan(body(tools=parts))["media"] == 0


def private(url: str, *, escaped: bool = False) -> bool:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    text = body(messages=[{"role": "user", "content": content}])
    return bool(scan(text.replace(b"/", b"\\/") if escaped else text)["private"])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com./a.png",
        "HTTPS://Cdn.Example.COM:8443/a.png?b=c@d#e",
        "https://a-1.xn--bcher-kva.example?x",
        "https://10.example.com/" + "x" * 8000,
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
def test_media_may_be_at_public_hosts_by_name(url: str, escaped: bool) -> None:
    assert not private(url, escaped=escaped)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/a", "file:///etc/passwd", "ftp://example.com", "//example.com", "example.com", ""),
        *("https://", "https:/example.com", "https:example.com", " https://example.com", "https:///example.com"),
        *(
            "https://localhost/",
            "https://metadata/",
            "https://metadata.google.internal/",
            "https://x.svc",
            "https://a.local.",
        ),
        *("https://127.0.0.1", "https://127.1", "https://2130706433", "https://0x7f000001/", "https://10.0.0x1"),
        *(
            "https://169.254.169.254/latest",
            "https://8.8.8.8",
            "https://1.2.3.4.",
            "https://[::1]/",
            "https://[fd00::1]",
        ),
        *("https://user@example.com", "https://example.com:80@10.0.0.1/", "https://example.com\\@10.0.0.1/"),
        *(
            "https://example.com:x/",
            "https://exa\tmple.com",
            "https://example.com\n.local",
            "https://a..com",
            "https://.com",
        ),
        *(
            "https://b\u00fccher.example",
            "https://127\u30020\u30020\u30021",
            "https://\uff11\uff12\uff17.0.0.1",
            "https://a%2elocal",
        ),
        "https://example.com/" + "x" * 8192,
    ],
)
def test_other_schemes_addresses_and_names_of_private_hosts_are_private(url: str) -> None:
    assert private(url)


def test_only_so_many_media_are_looked_at() -> None:
    part = {"image_url": {"url": "https://example.com/"}}
    assert not scan(body(messages=[{"content": [part] * 256}]))["private"]
    assert scan(body(messages=[{"content": [part] * 257}]))["private"]


_PIECES = st.sampled_from(
    (
        *("https://", "http://", "127.0.0.1", "0x7f", "10", ".", "..", "example", "com", "local", ":", "443", "@", "/"),
        *("\\", "?", "#", "[::1]", "%2e", "\t", "\u3002", "A", "-", " "),
    )
)


@settings(max_examples=1500, derandomize=True)
@given(st.lists(_PIECES, max_size=7).map("".join), st.booleans())
def test_what_is_taken_for_public_is_a_host_s_name_to_another_parser_too(rest: str, escaped: bool) -> None:
    url = f"https://{rest}"
    if private(url, escaped=escaped):
        return
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    assert (parts.scheme, parts.username, parts.password) == ("https", None, None)
    assert url.lower().startswith(f"https://{host}")
    assert "." in host
    assert not host.endswith(".local")
    assert parts.port is None or parts.port >= 0
    with pytest.raises(OSError):  # noqa: PT011 - there is no other
        socket.inet_aton(host)


@pytest.mark.parametrize(
    ("value", "prompts"),
    [
        ("p", 1),
        ([], 1),
        (["p"], 1),
        (["p", "q", "r"], 3),
        ([1, 2, 3], 1),
        ([-1.5e3], 1),
        ([[1, 2], [3], []], 3),
        (["p", 1, 2, "q"], 3),
        ([["p", ["q"]], {"prompt": ["r", "s"]}, None, True], 4),
        (["[1,2]", '","q"'], 2),
    ],
)
def test_several_prompts_in_one_request_are_counted(value: Any, prompts: int) -> None:
    for name in ("prompt", "input"):
        for indent in (None, 1):
            rest = {"model": "m", name: value, "stop": ["a", "b"], "messages": [1, 2], "x": {name: ["a", "b"]}}
            text = json.dumps(rest, indent=indent).encode()
            assert check(text, name)
            assert scan(text, name)["prompts"] == prompts
    hidden = b'{"pro\\u006dpt":["a","b"],"model":"m"}'
    assert scan(hidden, "prompt")["prompts"] == 2
    assert scan(body(messages=["a", "b"]))["prompts"] == 1


def test_conversations_that_begin_alike_hash_alike() -> None:
    begin = [{"role": "system", "content": "s" * 1100}]
    asked = [scan(body(messages=[*begin, {"role": "user", "content": text}]))["hash"] for text in "ab"]
    assert asked[0] == asked[1]
    assert scan(body(messages=[{"role": "user", "content": "a"}]))["hash"] != asked[0]


# Fuzz: whole documents, and documents with some bytes changed.

_NAMES = st.sampled_from([*sorted(GUARDED), "Model", "n_predict", "url", "image_url", "x"]) | st.text(max_size=8)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(_NAMES, inner), max_size=3).map(Pairs)
)
_MEMBERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)


def write(value: Any, draw: random.Random) -> str:
    """JSON in one of the many ways to write it."""
    gap = draw.choice(["", "", " ", "\n\t", "\r\n "])
    if isinstance(value, Pairs):
        inner = ",".join(f"{gap}{text(name, draw)}{gap}:{gap}{write(each, draw)}{gap}" for name, each in value)
        return "{" + inner + gap + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap + write(each, draw) + gap for each in value) + "]"
    return text(value, draw) if isinstance(value, str) else json.dumps(value)


def text(value: str, draw: random.Random) -> str:
    if draw.random() < 0.2:
        return '"' + "".join(f"\\u{ord(each):04x}" if ord(each) < 65536 else each for each in value) + '"'
    return json.dumps(value, ensure_ascii=draw.random() < 0.5 or any("\ud800" <= each <= "\udfff" for each in value))


@settings(max_examples=400, derandomize=True)
@given(_MEMBERS, st.lists(_VALUES, max_size=5), st.integers(0, 2**32), st.sampled_from(["messages", "prompt", "input"]))
def test_every_document_is_read_as_json_reads_it(
    members: list[tuple[str, Any]], items: list[Any], seed: int, prompt: str
) -> None:
    draw = random.Random(seed)
    given_prompt = (prompt, items if prompt == "messages" or draw.random() < 0.7 else "p")
    base = [("model", "m"), given_prompt] if draw.random() < 0.8 else []
    mixed = base + [each for each in members if each[0] not in dict(base)] if draw.random() < 0.7 else base + members
    draw.shuffle(mixed)
    check(write(Pairs(mixed), draw).encode("utf-8"), prompt)


def test_a_damaged_document_is_accepted_only_where_json_accepts_it() -> None:
    draw = random.Random(20261127)
    rich = BASE | {"stream": True, "n": 2, "stream_options": {"include_usage": None}, "x": ["é\n\\", -1.5e3, None, {}]}
    seeds = [body(**rich), json.dumps(rich, ensure_ascii=False, indent=1).encode()]
    alphabet = b'{}[]",:\\u0041truefalsn-+.eE 9\n\t\x00\x1f\x7f\xc3\xa9\xed\xa0\x80\xf0\x9f\xff'
    accepted = 0
    for _ in range(20_000):
        text = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            text[at : at + draw.randint(0, 2)] = bytes(draw.choices(alphabet, k=draw.randint(0, 2)))
        accepted += check(bytes(text))
    assert 1_000 < accepted < 19_000


def test_a_body_that_ends_anywhere_is_refused() -> None:
    whole = body(x="é\\u0041\\n", y=[1.5e3, True, None], stream_options={"include_usage": True})
    assert not [end for end in range(len(whole)) if check(whole[:end])]
    assert check(whole)


def test_the_oracle_knows_a_duplicate() -> None:
    with pytest.raises(Refused, match="duplicate_parameter"):
        once(parse(b'{"model":"a","model":"b"}'), GUARDED)
