"""The end of `paceline demo`: a Gateway before the model, a caller with a key, and a budget that runs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import yaml
from rich.text import Text

from paceline.api import money
from paceline.cli import chat, credentials, door
from paceline.cli.chain.view import condition, count
from paceline.cli.cluster import Cluster, find
from paceline.cli.completion import Timing, contents
from paceline.cli.console import ExitCode, fail, out
from paceline.cli.kinds import CONSUMER, GATEWAY, Kind
from paceline.cli.reader import Reader
from paceline.cli.steps import Progress, Steps
from paceline.cli.usage import show
from paceline.settings import now

NAME, CALLER = "front-door", "visitor"
QUESTION = "What is a budget for?"
TOKENS = 64
#: What the caller may spend from now on: a few questions at the prices below.
AMOUNT_MICROS = 200_000
#: More questions than that by far.
MOST_QUESTIONS = 12

READY_SECONDS = 120
LEDGER_SECONDS = 20

_MANIFESTS = """\
apiVersion: paceline.dev/v1alpha1
kind: Gateway
metadata:
  name: {name}
spec:
  replicas: 1
  routesFrom: AllModelDeployments
  prices:
    - {{name: demo, model: {model}, inputPerMillion: "10", outputPerMillion: "400"}}
---
apiVersion: paceline.dev/v1alpha1
kind: Consumer
metadata:
  name: {caller}
spec:
  gatewayRefs: [{{name: {name}}}]
  models: [{model}]
  budgets:
    - {{name: month, amount: "{amount}", period: Month, mode: Hard}}
"""


def show_door(steps: Steps, cluster: Cluster, namespace: str, system: str, model: str) -> None:
    """Open a door to a model, ask through it until the budget is used up, and print the usage.

    Raises:
        CliError: something does not come about in time.
    """
    reader = Reader(cluster, system)
    began = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    query = {"by": "consumer,model", "consumer": f"{namespace}/{CALLER}", "from": began.isoformat()[:19] + "Z"}
    before = _sum(reader, query)
    text = manifests(model, AMOUNT_MICROS + before["costMicros"])
    out.print(Text("\na door to it, and somebody who may ask:", style="dim"))
    out.print(Text("".join(f"    {line}\n" for line in text.splitlines()), style="cyan"))
    consumer = _open(steps, cluster, namespace, text)
    key = door.key_of(cluster, namespace, NAME, CALLER)
    out.print(Text("\nits key, 256 bits, which nobody has typed:", style="dim"))
    out.print(Text(f"    {credentials.read_command(namespace, credentials.in_force(consumer)[-1])}\n", style="cyan"))
    with door.through(cluster, namespace, NAME, model, key) as route:
        answered = 1 + _spend(steps, route)
    with steps.step("waiting for the ledger to have it") as progress:
        _until(lambda: _sum(reader, query)["attempts"] >= before["attempts"] + answered, LEDGER_SECONDS)
        progress.done = f"the ledger has {count(answered, 'answer')}, as the engine counted their tokens"
    out.print()
    show(reader.get("/v1/usage", query), ["consumer", "model"])


def manifests(model: str, amount: int) -> str:
    """The Gateway and the Consumer, as YAML.

    Args:
        model: That is asked for.
        amount: Of the budget, in micro-units.
    """
    return _MANIFESTS.format(name=NAME, caller=CALLER, model=model, amount=money.text(amount))


def _open(steps: Steps, cluster: Cluster, namespace: str, text: str) -> dict[str, Any]:
    """Apply both and wait until callers are answered; the Consumer."""
    with steps.step("applying both and waiting until the door is open") as progress:
        for manifest in yaml.safe_load_all(text):
            kind = GATEWAY if manifest["kind"] == GATEWAY.name else CONSUMER
            cluster.apply(kind.path(namespace, manifest["metadata"]["name"]), manifest)
        found = _wait(cluster, progress, GATEWAY, namespace, NAME)
        consumer = _wait(cluster, progress, CONSUMER, namespace, CALLER)
        progress.done = f"Gateway {NAME} is Ready at {found['status']['address']}, and knows {CALLER}"
    return consumer


def _wait(cluster: Cluster, progress: Progress, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
    """Look until an object is Ready as it was applied.

    Raises:
        CliError: NOT_READY, with the object's own words.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        found = find(cluster, kind, namespace, name)
        ready = condition(found, "Ready")
        if ready.get("status") == "True" and ready.get("observedGeneration") == found["metadata"]["generation"]:
            return found
        words = f"{ready.get('reason', 'not seen yet')}: {ready.get('message', 'the operator has not looked at it')}"
        progress.now(f"{kind.name} {name}: {words}")
        if time.monotonic() > deadline:
            see = f"see why: paceline explain {kind.short}/{name} -n {namespace}"
            fail(f"{name} did not come that far in {READY_SECONDS} s; {words}", see, ExitCode.NOT_READY)
        time.sleep(0.3)


def _spend(steps: Steps, route: chat.Route) -> int:
    """Ask once to be seen, and then until the budget is used up.

    Returns:
        How many more questions were answered.

    Raises:
        CliError: the gateway refuses for another reason, or never.
    """
    out.print(Text.assemble((f"{'you':<{len(route.model)}}  ", "bold"), QUESTION))
    out.print(Text(f"{route.model}  ", style="bold"), end="")
    chat.speak(route, [{"role": "user", "content": QUESTION}], TOKENS)
    out.print(Text("\nand on, until the budget is used up:", style="dim"))
    with steps.step("asking on") as progress:
        for number in range(MOST_QUESTIONS):
            refusal = _ask(route)
            if refusal:
                progress.done = f"{count(number, 'more question')} answered, then {refusal}"
                break
            progress.now(f"{count(number + 1, 'more question')} answered")
        else:
            fail(f"{MOST_QUESTIONS} questions were answered, and the budget is not used up.", "look: paceline usage")
    out.print(
        Text(
            "(Hard: what a request can cost at most is reserved before, so this amount is never exceeded)", style="dim"
        )
    )
    return number


def _ask(route: chat.Route) -> str:
    """Ask once more; "" where it is answered, the refusal where the budget is used up."""
    deadline = time.monotonic() + LEDGER_SECONDS
    while True:
        with route.post(chat.question(route.model, [{"role": "user", "content": QUESTION}], TOKENS)) as answer:
            if answer.is_success:
                for _ in contents(answer.iter_lines(), Timing(sent=time.perf_counter()), time.perf_counter):
                    pass
                return ""
            said = f"{answer.status_code}{chat.refusal(answer)}"
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                fail(f"the gateway answered {said}", f"see why: paceline explain gateway/{NAME}")
            # A second: what is held by requests whose records are on their way comes back.
            if answer.headers.get("Retry-After") != "1" or time.monotonic() > deadline:
                return said
        time.sleep(0.2)


def _sum(reader: Reader, query: dict[str, str]) -> dict[str, int]:
    """What was answered, without what was refused before a model was asked."""
    rows = [row for row in reader.get("/v1/usage", query)["rows"] if row["model"]]
    return {name: sum(row[name] for row in rows) for name in ("attempts", "costMicros")}


def _until(holds: Callable[[], bool], seconds: float) -> None:
    """Look until it holds.

    Raises:
        CliError: NOT_READY: it did not.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            fail(f"the ledger lacks records after {seconds:.0f} s.", "try `paceline usage` later", ExitCode.NOT_READY)
        time.sleep(0.2)
