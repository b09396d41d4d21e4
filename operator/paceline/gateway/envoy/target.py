"""A route: which clusters answer, how long they may take, and what is put into the request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from paceline.gateway.envoy.bootstrap import ADAPTER
from paceline.gateway.envoy.documents import (
    ADMISSION,
    CHECK,
    OPTIONAL_ADMISSION,
    PACELINE,
    REFUSAL,
    REQUEST,
    Document,
    extension,
    seconds,
    typed,
)
from paceline.gateway.envoy.logs import RECORD
from paceline.gateway.envoy.rewriting import clusters_of
from paceline.gateway.ir import Admission, Branch, Cluster, Failure, Mirror, Refusal, Retry, Share, Target

_PER_ROUTE = "extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
_PAUSE = "0.01s"
#: What of an answer of whoever is asked reaches the client, beside status and body; the log has it from there.
_TOLD = ("content-type", "retry-after", REFUSAL)
#: How often it is asked once more where a connection fails.
_ASK_AGAIN = 2
_RETRY_ON: dict[Failure, str] = {
    "ConnectFailure": "connect-failure,refused-stream",
    "RateLimited": "retriable-status-codes",
    "ServerError": "5xx",
}


def route(name: str, branch: Branch, alike: Mapping[str, Cluster]) -> Document:
    """A route of the proxy, which matches whatever was led to it.

    Args:
        name: For the records.
        branch: How its requests are answered.
        alike: Clusters whose requests the script makes ready that reads them.
    """
    target = branch.target
    if isinstance(target, Refusal):
        return refusal(name, target.status, target.code, target.message)
    if target.check:
        held = route(name, replace(branch, target=_held(target)), alike)
        header = {"key": CHECK, "value": target.check.digest}
        added = {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        return held | {"request_headers_to_add": [added]}
    found: Document = {
        "name": name,
        "match": {"prefix": "/"},
        "metadata": {"filter_metadata": _metadata(target, branch.request_class, alike)},
        "route": {
            **_clusters(target.groups),
            "timeout": seconds(target.timeout_seconds),
            # The default of 5 minutes would end requests that wait, and answers with long pauses.
            "idle_timeout": seconds(max(target.timeout_seconds, target.admission.seconds if target.admission else 0)),
            "retry_policy": _retry(target.retry, target.first_byte_seconds),
        },
    }
    if target.mirror:
        found["route"]["request_mirror_policies"] = [_mirror(target.mirror)]
    if target.admission:
        asking = OPTIONAL_ADMISSION if target.admission.optional else ADMISSION
        found["typed_per_filter_config"] = {asking: _admission(target.admission)}
    return found


def _held(target: Target) -> Target:
    """Answered by the adapter, when it has the whole answer. Whom it asks is tried again, and not the adapter."""
    return replace(
        target,
        groups=((Share(ADAPTER),),),
        retry=Retry(0),
        first_byte_seconds=target.timeout_seconds,
        mirror=None,
        check=None,
    )


def asked(target: Target) -> Target:
    """How the adapter's requests are answered: what was put into the client's, and was asked about it, is done."""
    return replace(target, prompt=None, max_output_tokens=0, admission=None, check=None)


def _mirror(mirror: Mirror) -> Document:
    return {
        "cluster": mirror.cluster,
        "runtime_fraction": {"default_value": {"numerator": mirror.percent, "denominator": "HUNDRED"}},
        "disable_shadow_host_suffix_append": True,
    }


def refusal(name: str, status: int, code: str, message: str) -> Document:
    """A route that answers by itself."""
    return {
        "name": name,
        "match": {"prefix": "/"},
        "metadata": {"filter_metadata": {PACELINE: {"code": code}}},
        "direct_response": {"status": status, "body": {"inline_string": message}},
    }


def _metadata(target: Target, request_class: str, alike: Mapping[str, Cluster]) -> Document:
    """What the script reads, and what goes into the records. What the script puts into bodies is JSON already."""
    script: Document = {"timeout": target.timeout_seconds} | ({"remote_media": True} if target.remote_media else {})
    ready = next((alike[name] for name in clusters_of(target) if name in alike), None)
    if ready:
        script |= {"model": json.dumps(ready.model), "usage": ready.usage}
    record: Document = {
        "class": request_class,
        "ttft": target.objective.ttft_milliseconds,
        "tpot": target.objective.tpot_milliseconds,
    }
    if target.admission:
        script["asked"] = True
    if target.max_output_tokens:
        script["bound"] = target.max_output_tokens
    if target.prompt:
        script["messages"] = json.dumps({"role": "system", "content": target.prompt.text})
        script["prompt"] = json.dumps(f"{target.prompt.text}\n\n")[1:-1]
        record["prompt"] = target.prompt.reference
    return {REQUEST: script, PACELINE: {RECORD: json.dumps(record)}}


def _clusters(groups: tuple[tuple[Share, ...], ...]) -> Document:
    """One cluster by its name; several by priority, chosen anew for every attempt."""
    if len(groups) == 1 and len(groups[0]) == 1:
        return {"cluster": groups[0][0].cluster}
    specifier = extension(
        "envoy.router.cluster_specifier_plugin.priority_group",
        "extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        priority_groups=[
            {
                "name": f"priority-{number}",
                "clusters": [{"cluster_name": each.cluster, "weight": each.weight} for each in group],
            }
            for number, group in enumerate(groups)
        ],
    )
    return {"inline_cluster_specifier_plugin": {"extension": specifier}}


def _retry(retry: Retry, first_byte_seconds: int) -> Document:
    found: Document = {
        "retry_on": ",".join(_RETRY_ON[each] for each in retry.on),
        "num_retries": retry.attempts,
        "per_try_timeout": seconds(first_byte_seconds),
        "refresh_cluster_on_retry": True,
        "retry_back_off": {"base_interval": _PAUSE, "max_interval": "0.1s"},
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": 3,
    }
    if "RateLimited" in retry.on:
        found["retriable_status_codes"] = [429]
    return found


def not_asked() -> Document:
    """Nobody is asked for admission."""
    return typed(_PER_ROUTE, disabled=True)


def _admission(admission: Admission) -> Document:
    service = {
        "server_uri": {
            "uri": f"http://{admission.service}",
            "cluster": admission.service,
            "timeout": seconds(admission.seconds),
        },
        "path_override": "/v1/admission",
        "authorization_response": {"allowed_client_headers": {"patterns": [{"exact": each} for each in _TOLD]}},
        # A replica that ends closes connections. Who asks twice for one request is answered once.
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset",
            "num_retries": _ASK_AGAIN,
            # The longest pause is taken for the longest that one try may last, too; without one that is 10 s.
            "retry_back_off": {"base_interval": _PAUSE, "max_interval": seconds(admission.seconds)},
        },
    }
    return typed(_PER_ROUTE, check_settings={"http_service": service, "disable_request_body_buffering": True})
