"""docs/reference/conditions.md is written from the registries of reasons (`make golden` writes it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paceline.api.conditions import TYPES, ConditionType
from tests.support.golden import writing
from tests.support.reasons import EVERY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "conditions.md"

HEAD = """\
# Conditions and their reasons

<!-- Written from operator/paceline/api/*reasons.py by `make golden`; do not edit. -->

Every object says in `status.conditions` how it is. A condition has a type, a status (`True`, `False` or `Unknown`), one
reason out of this page, and a message that names the values and what to do. `observedGeneration` tells which version of
the spec it speaks about; `lastTransitionTime` moves only when the status changes. A change of a condition is also an
Event; its type stands below. Clients must accept types and reasons that are not on this page: later releases add some.
"""

#: What True means, of each type of each kind.
MEANINGS: dict[str, dict[ConditionType, str]] = {
    "ModelDeployment": {
        "Ready": "available, and the current spec is what answers; for `kubectl wait`, Argo CD, Helm",
        "Available": "the model answers its users, also while a new revision is being brought up; page on this one",
        "Accepted": "the spec is understood and its children are applied",
        "ModelResolved": "it is known which files are served, down to their commit",
        "Fits": "the model fits the memory of its hardware; counted before any pod is made",
        "Progressing": "a rollout is under way; False when it is done or cannot go on",
        "SLOMet": "of the requests of the last 5 minutes as many met the targets of `spec.slo` as it asks for",
    },
    "Gateway": {
        "Ready": "accepted, programmed, and at least one pod answers clients; one route's trouble does not change it",
        "Accepted": "the spec is understood, nothing that it claims is an older object's, its children are applied",
        "Programmed": "Envoy in every pod serves the current configuration",
        "BackendsResolved": "every route has its backends, and may use them",
        "CredentialsResolved": "every Secret that the listener and the backends name is there and can be used",
    },
    "Consumer": {
        "Ready": "the spec as it is now is in force in every pod of every Gateway that is named, suspension included",
        "Accepted": "the spec is understood, its credentials are nobody else's, and every Gateway of it takes it",
        "WithinBudget": "no budget is spent",
    },
}


def _bold(remedy: str) -> str:
    return f" **{remedy}**" if remedy else ""


def sections() -> Iterator[str]:
    for kind, types in TYPES.items():
        yield f"## {kind}"
        rows = [f"| `{shown}` | {MEANINGS[kind][shown]} |" for shown in types]
        yield "\n".join(["| type | True means |", "|---|---|", *rows])
        for shown in types:
            yield f"### {shown} of a {kind}"
            yield "\n".join(table(kind, shown))


def table(kind: str, shown: ConditionType) -> Iterator[str]:
    yield "| reason | status | Event | meaning, and **what to do** |"
    yield "|---|---|---|---|"
    for reason in EVERY[kind]:
        for type_, status in reason.shows:
            if type_ == shown:
                yield f"| `{reason.name}` | {status} | {reason.event} | {reason.meaning}{_bold(reason.remedy)} |"


def test_the_page_of_conditions_is_written_from_the_registries():
    text = "\n\n".join([HEAD.rstrip(), *sections()]) + "\n"
    if writing():
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "run `make golden`"
