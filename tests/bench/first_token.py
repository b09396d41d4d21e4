"""From `kubectl apply` to the first token on a warm cluster, with an engine that loads for 2 s.

The engine's load time and the bare pod (image on the node, no probe) bound it from below, so both stand beside it.
"""

from __future__ import annotations

import json
import os
import sys
import time

import httpx

from tests.support.product import Product, installed, modeldeployment

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
LOAD_SECONDS = 2.0
BOUND_SECONDS = 8.0


def first_token(product: Product, name: str) -> float:
    """Seconds from the apply to the first token of an answer by the model's Service."""
    started = time.monotonic()
    engine = {"type": "Simulator", "args": [f"--load-seconds={LOAD_SECONDS:g}"]}
    product.apply(modeldeployment(name, engine=engine))
    product.eventually(lambda: product.items("service", "-l", f"paceline.dev/modeldeployment={name}"), 10, "Service")
    url = product.url(name)
    body = {"model": name, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "stream": True}
    with httpx.Client(timeout=5) as client:
        return product.eventually(lambda: token(client, url, body, started), 60, "a first token")


def token(client: httpx.Client, url: str, body: dict[str, object], started: float) -> float | None:
    """Seconds from `started` to the first content of one attempt; None when nothing answers yet."""
    try:
        with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                return None
            for line in response.iter_lines():
                if '"content"' in line and '"content":""' not in line.replace(" ", ""):
                    return time.monotonic() - started
    except httpx.HTTPError:
        return None
    return None


def bare_pod(product: Product) -> float:
    """Seconds from applying a pod of the same image that does nothing to its being ready."""
    started = time.monotonic()
    image = product.items("deployment", namespace="paceline-system")[0]["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    context = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "bare", "image": image, "command": ["sleep", "60"], "securityContext": context}
    product.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "bare", "namespace": "models"},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        }
    )
    product.cluster.kubectl("wait", "pod/bare", "-n", "models", "--for=condition=Ready", "--timeout=60s")
    seconds = time.monotonic() - started
    product.delete("pod", "bare")
    return seconds


def main() -> int:
    runs = 5 if FULL else 2
    with installed("bench-first-token") as product:
        first_token(product, "warm-up")
        bare = bare_pod(product)
        seconds = []
        for run in range(runs):
            seconds.append(first_token(product, f"run-{run}"))
            product.delete("mdep", f"run-{run}")
    worst = max(seconds)
    print(
        json.dumps(
            {
                "apply to first token (s), worst": round(worst, 2),
                "all": [round(each, 2) for each in seconds],
                "load time (s)": LOAD_SECONDS,
                "bare pod Ready (s)": round(bare, 2),
                "ratio to load + bare pod": round(worst / (LOAD_SECONDS + bare), 2),
            }
        )
    )
    return 0 if worst <= BOUND_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
