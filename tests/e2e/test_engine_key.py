"""spec.exposure GatewayOnly on a real kubelet: who brings the key is answered, and nobody else sees it."""

from __future__ import annotations

import base64

import httpx

from tests.support.product import NAMESPACE, SYSTEM, Product, condition, modeldeployment

NAME = "locked"
SECRET = f"{NAME}-engine-key"


def key(product: Product) -> str:
    """What the cluster's administrator can read."""
    found = product.find("secret", SECRET)
    assert found is not None
    assert found["immutable"] is True
    assert found["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment"
    return base64.b64decode(found["data"]["key"]).decode()


def status_of(url: str, bearer: str) -> int:
    """HTTP status of a completion; 0 while the Service has no pod."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    body = {"model": NAME, "prompt": "x", "max_tokens": 1}
    try:
        return httpx.post(f"{url}/v1/completions", json=body, headers=headers, timeout=30).status_code
    except httpx.ConnectError:
        return 0


def test_only_the_key_opens_the_engine_and_it_is_nowhere_else(product: Product) -> None:
    product.apply(modeldeployment(NAME, exposure="Cluster"))
    assert condition(product.ready(NAME), "Accepted")["reason"] == "Bypassable"
    url = product.url(NAME)
    assert status_of(url, "") == 200

    product.apply(modeldeployment(NAME, exposure="GatewayOnly"))
    ready = product.ready(NAME)
    assert condition(ready, "Available")["reason"] == "NotProbed"
    assert condition(ready, "Accepted")["reason"] == "Accepted"
    first = key(product)
    product.eventually(lambda: status_of(url, "") == 401, 30, "the open pod is gone")
    assert status_of(url, "wrong") == 401
    assert status_of(url, first) == 200
    assert httpx.get(f"{url}/metrics").status_code == 200

    kinds = "mdep,deployments,replicasets,controllerrevisions,pods,services,events"
    everywhere = [product.cluster.kubectl("get", kinds, "-n", NAMESPACE, "-o", "yaml")]
    everywhere.append(
        product.cluster.kubectl("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=paceline", "--tail=-1")
    )
    everywhere.append(
        product.cluster.kubectl("logs", "-n", NAMESPACE, "-l", f"paceline.dev/modeldeployment={NAME}", "--tail=-1")
    )
    assert all(everywhere)
    assert not [words for words in everywhere if first in words]

    product.delete("secret", SECRET)
    # A kubelet keeps an immutable Secret as long as one of its pods mounts it.
    product.cluster.kubectl("scale", f"mdep/{NAME}", "-n", NAMESPACE, "--replicas=0")
    product.eventually(lambda: not product.items("pod", "-l", f"paceline.dev/modeldeployment={NAME}"), 60, "no pod")
    product.cluster.kubectl("scale", f"mdep/{NAME}", "-n", NAMESPACE, "--replicas=1")
    second = product.eventually(lambda: product.find("secret", SECRET) and key(product), 60, "the key is made anew")
    assert second != first
    product.eventually(lambda: status_of(url, second) == 200, 60, "the new pod has the new key")

    product.apply(modeldeployment(NAME, exposure="Auto"))
    product.ready(NAME)
    product.eventually(lambda: status_of(url, "") == 200, 60, "the locked pod is gone")
    product.delete("mdep", NAME)
    product.eventually(lambda: product.find("secret", SECRET) is None, 60, "the key went with its owner")
