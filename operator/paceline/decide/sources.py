"""What is known of a model's sources: looked up once for each set of them, and then kept with the revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from paceline.api import reasons
from paceline.api.conditions import FITS, MODEL_RESOLVED, READY, clean, find
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.reason import Reason
from paceline.api.resolved import Resolved
from paceline.api.revision import Revision
from paceline.api.source import Failure, Report
from paceline.decide.observation import FetchView
from paceline.errors import PacelineError, Pending, Stalled, Waiting

_WORDS = 400


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where the lookup of sources is.

    Attributes:
        found: What each source came to, by its name; None while that is not known.
        problem: Why it is not known.
    """

    found: Mapping[str, Resolved] | None = None
    problem: PacelineError | None = None


def look_up(request: str, revisions: Sequence[Revision], fetches: Sequence[FetchView]) -> Lookup:
    """What a revision already knows, else what the pods that were asked last say.

    Args:
        request: Digest of what is asked.
        revisions: All that are kept.
        fetches: Pods that look up sources, of this request or another.
    """
    known = [one for one in revisions if one.request == request]
    if known:
        return Lookup(max(known, key=lambda one: one.number).found)
    asked = sorted((one for one in fetches if one.request == request), key=lambda one: (one.created, one.name))
    reports = [(one, _report(one)) for one in asked]
    for _, report in reversed(reports):
        if report and report.found and not report.failure:
            return _checked(report.found)
    if not reports:
        return Lookup(problem=_pending("The Job that looks up the model's source has no pod yet."))
    return Lookup(problem=_trouble(*reports[-1]))


def said_before(md: ModelDeployment, problem: PacelineError | None) -> PacelineError | None:
    """The problem that is known of this generation, while a new attempt is under way.

    Ended Jobs are removed and made again, so that a source which is put in order is found; between two attempts that
    fail alike nothing is news.
    """
    ready = find(md.conditions, READY)
    if not isinstance(problem, Pending) or ready is None or ready.observed_generation != md.generation:
        return problem
    if ready.reason not in {reason.name for reason in (*reasons.UNFETCHED, *reasons.UNFITTING)}:
        return problem
    kind = FITS if ready.reason in {reason.name for reason in reasons.UNFITTING} else MODEL_RESOLVED
    said = find(md.conditions, kind)
    return Stalled(said.reason, said.message) if said and said.reason == ready.reason else problem


def failure(words: str) -> Failure | None:
    """The failure that a container's last words tell of; None where they are something else."""
    try:
        return Report.model_validate_json(words).failure
    except ValidationError:
        return None


def described(found: Mapping[str, Resolved]) -> str:
    """What is served, in words."""
    return "; ".join(_said(name, one) for name, one in found.items())


def _said(name: str, one: Resolved) -> str:
    count = f", {one.parameters / 1e9:.3g}B parameters" if one.parameters else ""
    kind = f" in {one.dtype}" if one.dtype else ""
    return f"{name} is {one.commit[:71]}: {_size(one.bytes)}{count}{kind}"


def _size(count: int) -> str:
    return f"{count / 2**30:.3g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"


def _checked(found: Mapping[str, Resolved]) -> Lookup:
    """Refuse a model whose chat template is not the expected one."""
    for each in found.values():
        if each.chat_template_difference:
            words = f"spec.model.chatTemplateRef is not the tokenizer's chat template: {each.chat_template_difference}."
            return Lookup(problem=_stalled(reasons.CHAT_TEMPLATE_DIFFERS, words))
    return Lookup(found)


def _report(pod: FetchView) -> Report | None:
    try:
        return Report.model_validate_json(pod.report) if pod.report else None
    except ValidationError:
        return None


def _trouble(pod: FetchView, report: Report | None) -> PacelineError:
    if report and report.failure:
        said = report.failure
        kind = Waiting if said.retry else Stalled
        return kind(said.reason if said.reason in reasons.BY_NAME else reasons.FETCH_FAILED.name, said.message)
    if pod.phase in {"Failed", "Succeeded"}:
        last = clean(pod.report, _WORDS) or pod.trouble or "no last words"
        words = f"Pod {pod.name} ended without a report: {last}. It is tried again. {reasons.FETCH_FAILED.remedy}"
        return Waiting(reasons.FETCH_FAILED.name, words)
    more = f" It waits: {clean(pod.trouble, _WORDS)}." if pod.trouble else ""
    return _pending(f"Pod {pod.name} looks up the model's source.{more}")


def _pending(words: str) -> Pending:
    return Pending(reasons.RESOLVING.name, f"{words} {reasons.RESOLVING.remedy}")


def _stalled(reason: Reason, words: str) -> Stalled:
    return Stalled(reason.name, f"{words} {reason.remedy}")
