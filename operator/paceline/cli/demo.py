"""`paceline demo`: from a bare machine to a model behind a door with keys and budgets, told step by step.

Every step asks for a state rather than makes a change, so that a second run, or one after a broken run, works.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from paceline.cli import chat
from paceline.cli.chain.view import condition
from paceline.cli.cluster import Cluster, find_modeldeployment, modeldeployment_path
from paceline.cli.columns import columns_of
from paceline.cli.completion import Timing
from paceline.cli.console import ExitCode, card, fail, out
from paceline.cli.demo_door import CALLER, show_door
from paceline.cli.helm import Helm
from paceline.cli.kinds import MODELDEPLOYMENT
from paceline.cli.kubeconfig import is_usual, user_files
from paceline.cli.steps import Progress, Steps
from paceline.local import binaries, envoy, images, preflight
from paceline.local import cluster as local

NAMESPACE = "paceline-demo"
SYSTEM = "paceline-system"
IMAGE = images.REFERENCE
MODEL = "first-model"
MANIFEST = "crds/examples/modeldeployment-minimal.yaml"
QUESTION = "In two sentences: what does a Kubernetes operator do?"

#: Deadlines in seconds. The model loads for 2 s; the rest is the machine's. Figures come with the next scrape.
READY_SECONDS = 180
FIGURES_SECONDS = 60
WARM_UP_QUESTIONS = 5


def demo(
    name: Annotated[str, typer.Option("--name", help="Name of the embedded cluster.")] = local.DEFAULT_NAME,
    existing: Annotated[
        bool, typer.Option("--existing", help="Use the cluster of KUBECONFIG, which must have the image, instead.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Leave the embedded cluster running.")] = True,
) -> None:
    """Bring up a cluster, install paceline, serve a model of nine lines, talk to it, and open a door with a key."""
    root = checkout()
    steps = Steps(out)
    out.print(Text("paceline demo: from this machine to a model that answers", style="bold"))
    kubeconfig, content = (user_files(), "") if existing else _embedded(steps, name)
    cluster = Cluster.connect(kubeconfig=kubeconfig)
    _install(steps, cluster, kubeconfig, root / "charts", content)
    _serve(steps, cluster, (root / MANIFEST).read_text())
    _measure(steps, cluster)
    _answer(cluster)
    show_door(steps, cluster, NAMESPACE, SYSTEM, MODEL)
    _finish(steps.total(), kubeconfig)
    if not keep and not existing:
        with steps.step(f"taking the cluster {name} down"):
            local.down(name)


def checkout() -> Path:
    """The source checkout, which holds the charts.

    Raises:
        CliError: paceline runs from an installed package.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "charts" / "paceline").is_dir():
        fail("the demo installs the charts of a source checkout, and there is none here.", "run it from a clone")
    return root


def _embedded(steps: Steps, name: str) -> tuple[str, str]:
    preflight.require()  # before minutes of building
    with steps.step("building what the cluster needs (minutes, once for this machine)", moving=False) as progress:
        for tool in ("hyperkube", "etcd", "coredns", "pause", "helm"):
            binaries.ensure(tool)
        progress.done = "Kubernetes, etcd, CoreDNS and Helm are built"
    with steps.step(f"starting Kubernetes (cluster {name})") as progress:
        started = local.up(name, say=progress.now)
        progress.done = f"Kubernetes runs on this machine (cluster {name})"
    with steps.step("building paceline's image", moving=False) as progress:
        content = images.build().stem
        images.load(started, IMAGE)
        progress.done = f"the image {IMAGE} is on the node"
    with steps.step("fetching Envoy (107 MB, once for this machine)", moving=False) as progress:
        envoy.load(started)
        progress.done = f"the image {envoy.REFERENCE} is on the node"
    return str(started.kubeconfig), content


def _install(steps: Steps, cluster: Cluster, kubeconfig: str, charts: Path, content: str) -> None:
    """Install both charts. `content` names the image's content; "" on a cluster whose nodes pull Envoy's own image."""
    helm = Helm(binaries.ensure("helm"), kubeconfig, say=steps.note)
    with steps.step("making two namespaces") as progress:
        for namespace in (SYSTEM, NAMESPACE):
            cluster.apply(f"/api/v1/namespaces/{namespace}", restricted(namespace))
        progress.done = f"namespaces {SYSTEM} and {NAMESPACE}, Pod Security “restricted” enforced"
    with steps.step("installing the chart paceline-crds") as progress:
        helm.install("paceline-crds", charts / "paceline-crds", SYSTEM)
        progress.done = "chart paceline-crds installed: the kinds ModelDeployment, Gateway and Consumer exist"
    with steps.step("installing the chart paceline and waiting for the operator and the ledger") as progress:
        repository, _, tag = IMAGE.removeprefix("localhost/").partition(":")
        values = {
            "crds": {"enabled": False},
            "image": {"registry": "localhost", "repository": repository, "tag": tag},
            "watch": {"mode": "Namespaced", "namespaces": [NAMESPACE]},
            # The tag stays the same when the image is built anew; this restarts the operator then.
            "operator": {"podAnnotations": {"paceline.dev/image": content}},
            # For a demo: what was spent is forgotten with the ledger's pod.
            "ledger": {"persistence": {"enabled": False}},
            **({"images": {"envoy": envoy.REFERENCE}} if content else {}),
        }
        helm.install("paceline", charts / "paceline", SYSTEM, values)
        progress.done = "chart paceline installed: the operator and the ledger are ready"


def restricted(namespace: str) -> dict[str, Any]:
    """A Namespace that takes only pods of Pod Security level restricted."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}


def _serve(steps: Steps, cluster: Cluster, manifest: str) -> None:
    out.print(Text("\nthe whole manifest:", style="dim"))
    out.print(Text("".join(f"    {line}\n" for line in manifest.splitlines()), style="cyan"), end="")
    out.print()
    with steps.step("applying it and waiting until the model answers") as progress:
        cluster.apply(modeldeployment_path(NAMESPACE, MODEL), manifest)
        found = _wait(cluster, progress, ready, READY_SECONDS)
        progress.done = f"ModelDeployment {MODEL} is Ready and answers at {found['status']['endpoint']}"


def _measure(steps: Steps, cluster: Cluster) -> None:
    with steps.step("asking some questions and waiting for the operator's figures") as progress:
        route = chat.ThroughApiServer(cluster, find_modeldeployment(cluster, NAMESPACE, MODEL))
        for _ in range(WARM_UP_QUESTIONS):
            timing = Timing(sent=time.perf_counter())
            for _ in chat.answer(route, [{"role": "user", "content": QUESTION}], 64, timing):
                progress.now(f"{timing.deltas} tokens of an answer")
        found = _wait(cluster, progress, measured, FIGURES_SECONDS)
        requests = ((found["status"].get("slo") or {}).get("requests")) or WARM_UP_QUESTIONS
        progress.done = f"TTFT and TPOT measured on {requests} requests, from the engine's own histograms"


def ready(found: dict[str, Any]) -> bool:
    """Is the current generation the one that answers?"""
    seen = condition(found, "Ready")
    return seen.get("status") == "True" and seen.get("observedGeneration") == found["metadata"]["generation"]


def measured(found: dict[str, Any]) -> bool:
    """Are the latency columns filled?"""
    display = (found.get("status") or {}).get("display") or {}
    return bool(display.get("ttftP95") and display.get("tpotP95"))


def _wait(cluster: Cluster, progress: Progress, done: Any, seconds: float) -> dict[str, Any]:
    """Look twice a second until `done` holds.

    Raises:
        CliError: NOT_READY after `seconds`, with the object's own words.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = find_modeldeployment(cluster, NAMESPACE, MODEL)
        if done(found):
            return found
        seen = condition(found, "Ready")
        words = f"{seen.get('reason', 'not seen yet')}: {seen.get('message', 'the operator has not looked at it')}"
        progress.now(f"{MODEL}: {words}")
        if time.monotonic() > deadline:
            fail(
                f"{MODEL} did not come that far in {seconds:.0f} s; {words}",
                f"see why: paceline explain mdep/{MODEL} -n {NAMESPACE}",
                ExitCode.NOT_READY,
            )
        time.sleep(0.5)


def _answer(cluster: Cluster) -> None:
    """Print the table and a streamed answer."""
    found = find_modeldeployment(cluster, NAMESPACE, MODEL)
    _, name, is_ready, _, _, replicas, ttft, tpot, _, cost, _ = columns_of(MODELDEPLOYMENT).row(found, time.time())
    out.print()
    title = f"ModelDeployment {NAMESPACE}/{name}"
    facts = {"READY": is_ready, "REPLICAS": replicas, "TTFT p95": ttft, "TPOT p95": tpot, "COST/H": cost}
    out.print(card(title, facts))
    out.print(Text.assemble((f"\n{'you':<{len(MODEL)}}  ", "bold"), QUESTION))
    out.print(Text(f"{MODEL}  ", style="bold"), end="")
    route = chat.ThroughApiServer(cluster, found)
    chat.speak(route, [{"role": "user", "content": QUESTION}], 64)
    out.print(Text("(a simulated engine: the timing is that of a real GPU, the words make no sense)", style="dim"))


def _finish(seconds: float, kubeconfig: str) -> None:
    """Print what to try next."""
    out.print(Text(f"\nAll of it took {seconds:.0f} s. Try next:", style="bold"))
    for command in next_commands(kubeconfig):
        out.print(Text(f"  {command}", style="cyan"))


def next_commands(kubeconfig: str) -> tuple[str, ...]:
    """What to type after the demo: four commands, after a first line that says where the cluster is, where needed."""
    where = () if is_usual(kubeconfig) else (f"export KUBECONFIG={short(kubeconfig)}",)
    paceline = program(sys.argv[0], shutil.which("paceline"))
    return (
        *where,
        f"{paceline} explain mdep/{MODEL} -n {NAMESPACE}",
        f"{paceline} chat {MODEL} -n {NAMESPACE}",
        f"{paceline} explain consumer/{CALLER} -n {NAMESPACE}",
        f"{paceline} logs mdep/{MODEL} -n {NAMESPACE} --follow",
    )


def short(path: str) -> str:
    """A path below the home folder with a tilde, which every shell expands."""
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path


def program(started_as: str, on_path: str | None) -> str:
    """How to call this program again from here: by name where it is on PATH, else by its path."""
    if on_path:
        return "paceline"
    beside = Path(sys.executable).with_name("paceline")
    for path in (Path(started_as), beside):
        if path.name == "paceline" and path.is_file():
            return os.path.relpath(path)
    return f"{os.path.relpath(sys.executable)} -m paceline"
