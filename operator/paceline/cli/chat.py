"""`paceline chat`: talk to a model and see how quick it was.

The request goes through the API server's service proxy, so that it works wherever `kubectl` does and RBAC
(`create` on `services/proxy`) decides. That proxy takes the Authorization header for itself and passes none on. So with
--gateway, where a key is asked for, it goes as with `kubectl port-forward`, and with --url straight to any OpenAI-like
server.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import httpx
import typer
from rich.text import Text

from paceline.api.names import child_name, key_secret
from paceline.cli import door
from paceline.cli.cluster import STREAM_TIMEOUT, Cluster, ContextOption, find, find_modeldeployment, status_message
from paceline.cli.completion import BrokenStreamError, Timing, contents, summary
from paceline.cli.console import ExitCode, NamespaceOption, err, fail, hint, out, working
from paceline.cli.kinds import GATEWAY, bare_name

LEAVE = {"/bye", "/exit", "/quit", "exit", "quit"}


class Route(Protocol):
    """A way to an engine.

    Attributes:
        model: Its name there.
        who: Whoever answers, for messages.
    """

    model: str
    who: str

    def post(self, body: dict[str, Any]) -> AbstractContextManager[httpx.Response]:
        """Open a streamed answer to a chat completion."""


class ThroughApiServer:
    """The way through the API server's service proxy.

    Attributes:
        model: The name that the engine serves the model under.
        who: Whoever answers, for messages.
    """

    who = "the engine"

    def __init__(self, cluster: Cluster, deployment: dict[str, Any]) -> None:
        metadata = deployment["metadata"]
        self._cluster = cluster
        self._name = metadata["name"]
        self._namespace = metadata["namespace"]
        self._service = service_of(deployment)
        self.model = served_name(deployment)

    @contextmanager
    def post(self, body: dict[str, Any]) -> Iterator[httpx.Response]:
        """Open a streamed answer; 503 of the proxy means that no pod is ready."""
        path = f"/api/v1/namespaces/{self._namespace}/services/http:{self._service}:80/proxy/v1/chat/completions"
        with self._cluster.stream("POST", path, body=body) as answer:
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                fail(
                    f"{self._name} does not answer yet: {status_message(answer)}",
                    f"see why: paceline explain mdep/{self._name} -n {self._namespace}",
                    ExitCode.NOT_READY,
                )
            yield answer


class Straight:
    """The way to a server by its URL.

    Attributes:
        model: The model's name on that server.
        who: Whoever answers, for messages.
    """

    who = "the server"

    def __init__(self, url: str, model: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Made here, before the clock starts: loading the certificates of this machine takes some 50 ms.
        self._http = httpx.Client(timeout=STREAM_TIMEOUT, headers=headers)
        self.model = model

    @contextmanager
    def post(self, body: dict[str, Any]) -> Iterator[httpx.Response]:
        """Open a streamed answer."""
        try:
            with self._http.stream("POST", f"{self._url}/chat/completions", json=body) as answer:
                yield answer
        except (httpx.InvalidURL, UnicodeError) as error:
            fail(f"{self._url} is no URL: {error}", "write it like http://host/v1", ExitCode.USAGE)
        except httpx.HTTPError as error:
            remedy = "check the URL; it ends in /v1 on most servers"
            fail(f"{self._url} did not answer: {str(error) or type(error).__name__}", remedy, ExitCode.UNREACHABLE)


def chat(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A ModelDeployment; with --gateway or --url the model's name there."),
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="One message; without it, a conversation.")] = "",
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Longest answer, in tokens.")] = 256,
    gateway: Annotated[str, typer.Option("--gateway", help="Gateway through which the model is asked.")] = "",
    consumer: Annotated[
        str,
        typer.Option("--consumer", help="With --gateway: with whose key, which you must be allowed to read."),
    ] = "",
    url: Annotated[str, typer.Option("--url", help="Base URL of an OpenAI-like server, such as http://host/v1.")] = "",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="With --gateway or --url: file with the key to send.")
    ] = None,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
) -> None:
    """Talk to a served model: tokens as they come, then this answer's own TTFT, TPOT and usage.

    With --gateway and neither --consumer nor --key-file, the key is that of the only Consumer of the Gateway in the
    namespace.
    """
    _check(gateway, consumer, url, key_file)
    key = _key(key_file)
    if gateway:
        cluster = Cluster.connect(context)
        place = namespace or cluster.namespace
        name = bare_name(gateway, GATEWAY)
        with door.through(cluster, place, name, model, key or _key_at(cluster, place, name, consumer)) as route:
            talk(route, message, max_tokens)
        return
    talk(Straight(url, model, key) if url else _served(Cluster.connect(context), namespace, model), message, max_tokens)


def _check(gateway: str, consumer: str, url: str, key_file: Path | None) -> None:
    if gateway and url:
        fail("--gateway and --url exclude each other.", "leave one of them out", ExitCode.USAGE)
    if key_file and not (url or gateway):
        words = f"--key-file {key_file} needs --gateway or --url."
        fail(words, "give one of them, or leave --key-file out", ExitCode.USAGE)
    if consumer and (not gateway or key_file):
        fail(f"--consumer {consumer} needs --gateway, without --key-file.", "give --gateway NAME", ExitCode.USAGE)


def _key_at(cluster: Cluster, namespace: str, gateway: str, consumer: str) -> str:
    """The key to send to a Gateway; "" where it asks for none."""
    found = find(cluster, GATEWAY, namespace, gateway)
    if found["spec"].get("authentication") == "None" and not consumer:
        return ""
    return door.key_of(cluster, namespace, gateway, consumer)


def talk(route: Route, message: str, max_tokens: int) -> None:
    """Send one message, or without one have a conversation until the user leaves."""
    if message:
        speak(route, [{"role": "user", "content": message}], max_tokens)
        return
    if sys.stdin.isatty():
        hint(f"talking to {route.model}; an empty line or /bye ends it")
    history: list[dict[str, str]] = []
    while words := _ask():
        history.append({"role": "user", "content": words})
        history.append({"role": "assistant", "content": speak(route, history, max_tokens)})


def _served(cluster: Cluster, namespace: str, name: str) -> ThroughApiServer:
    with working("looking for the model"):
        deployment = find_modeldeployment(cluster, namespace or cluster.namespace, name)
    task = (deployment["spec"].get("model") or {}).get("task", "Generate")
    if task != "Generate":
        fail(f"{name} has the task {task}: it does not chat.", "use its endpoint, /v1/embeddings", ExitCode.USAGE)
    if deployment["spec"].get("exposure") == "GatewayOnly":
        words = f"{name} asks for a key (spec.exposure: GatewayOnly), which the API server's proxy does not pass on."
        fail(words, _way_in(deployment), ExitCode.USAGE)
    return ThroughApiServer(cluster, deployment)


def _way_in(deployment: dict[str, Any]) -> str:
    """Commands that lead to a model that asks for a key."""
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    return (
        f"kubectl port-forward -n {namespace} service/{service_of(deployment)} 8080:80, and beside it "
        f"paceline chat {served_name(deployment)} --url http://127.0.0.1:8080/v1 --key-file <(kubectl get secret "
        f"-n {namespace} {key_secret(name)} -o go-template='{{{{.data.key | base64decode}}}}')"
    )


def _key(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        key = path.read_text().strip()
    except (OSError, ValueError) as error:
        fail(f"--key-file {path} cannot be read: {type(error).__name__}", "name a file with the key", ExitCode.USAGE)
    if not key or not key.isascii() or not key.isprintable():
        fail(f"--key-file {path} has no key in it.", "write the key and nothing else into it", ExitCode.USAGE)
    return key


def served_name(deployment: dict[str, Any]) -> str:
    """The name that the engine serves a model under."""
    return str((deployment["spec"].get("model") or {}).get("servedName") or deployment["metadata"]["name"])


def service_of(deployment: dict[str, Any]) -> str:
    """Name of the Service of its engines; `status.endpoint` may be a Gateway's.

    Raises:
        CliError: NOT_READY where the endpoint is not there yet.
    """
    name = deployment["metadata"]["name"]
    if not (deployment.get("status") or {}).get("endpoint"):
        fail(f"{name} has no endpoint yet.", f"see why: paceline explain mdep/{name}", ExitCode.NOT_READY)
    return child_name(deployment["metadata"]["namespace"], name)


def _ask() -> str:
    """The next thing to say; empty at the end of input or where the user leaves."""
    try:
        words = input("you> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""
    return "" if words.lower() in LEAVE else words


def speak(route: Route, messages: list[dict[str, str]], max_tokens: int) -> str:
    """Send a conversation, print the answer as it comes and then its timing.

    Returns:
        The answer's text.

    Raises:
        CliError: the engine refuses, or its stream breaks.
    """
    pieces: list[str] = []
    timing = Timing(sent=time.perf_counter())
    try:
        for piece in answer(route, messages, max_tokens, timing):
            pieces.append(piece)
            out.print(Text(piece), end="")
    finally:
        if pieces:
            out.print()
    err.print(Text(summary(timing), style="dim"))
    return "".join(pieces)


def answer(route: Route, messages: list[dict[str, str]], max_tokens: int, timing: Timing) -> Iterator[str]:
    """Send a conversation and give the answer's pieces as they come; `timing` is filled on the way.

    Raises:
        CliError: the engine refuses, or its stream breaks.
    """
    with route.post(question(route.model, messages, max_tokens)) as response:
        if not response.is_success:
            fail(f"{route.who} answered {response.status_code}{refusal(response)}", _what_to_do(response))
        try:
            yield from contents(response.iter_lines(), timing, time.perf_counter)
        except BrokenStreamError as error:
            fail(f"the answer broke off: {error}", "try again; the engine's log says more: paceline logs")


def question(model: str, messages: list[dict[str, str]], max_tokens: int) -> dict[str, Any]:
    """The body of a request for a streamed answer."""
    return {
        "model": model,
        "messages": messages,
        "max_tokens": max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def refusal(answer: httpx.Response) -> str:
    """The code and the words of an OpenAI-like error, or of a Kubernetes Status."""
    answer.read()
    try:
        error = answer.json()["error"]
        code = error.get("code") if isinstance(error.get("code"), str) else ""
        return f"{f' {code}' if code else ''}: {error['message']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f": {status_message(answer)}"


def _what_to_do(answer: httpx.Response) -> str:
    """What a refusal leaves to do."""
    seconds = answer.headers.get("Retry-After", "")
    if seconds.isdigit():
        return f"try again in {waiting(int(seconds))}"
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return "send a key that is valid here: --key-file"
    if answer.status_code == httpx.codes.FORBIDDEN:
        return "ask whoever gave you the key"
    return "change the request as it says"


def waiting(seconds: int) -> str:
    """`30 s`, `12 min`, `5 h`."""
    for size, unit, below in ((1, "s", 120), (60, "min", 7200)):
        if seconds < below:
            return f"{seconds // size} {unit}"
    return f"{seconds // 3600} h"
