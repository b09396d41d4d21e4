"""TTFT and TPOT of the last minutes, from scrapes of engines that only ever count up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from paceline.decide.observation import LatencyView
from paceline.engines import metrics
from paceline.engines.base import MetricNames
from paceline.stats.histogram import Histogram

#: Figures cover at least this long once there are so many scrapes, and at most twice as long.
WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Scrape:
    """One reading of one engine.

    Attributes:
        pod: uid.
        ttft: Seconds, since the engine's start; None where the page has none.
        tpot: Seconds per token, the same.
    """

    pod: str
    time: datetime
    ttft: Histogram | None
    tpot: Histogram | None


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one engine: the window's start, its next start, and the last reading."""

    base: Scrape
    turn: Scrape
    last: Scrape


#: By uid of the pod. Three readings each, so 1,000 engines cost a few megabytes.
Memory = Mapping[str, Track]


def read(pod: str, time: datetime, page: str, names: MetricNames) -> Scrape:
    """Read an engine's page."""
    samples = metrics.pick(page, names.wanted)
    ttft, tpot = (Histogram.of(metrics.buckets(samples, name)) for name in (names.ttft, names.tpot))
    return Scrape(pod, time, ttft, tpot)


def remember(memory: Memory, scrapes: Iterable[Scrape], pods: Iterable[str]) -> Memory:
    """Take in new readings and forget pods that are gone.

    The first reading of an engine, also of one that was restarted, only starts its window: what it counted before
    was in another time.

    Args:
        memory: From the last call; {} at first.
        scrapes: The new readings.
        pods: uids of the pods that exist.
    """
    tracks = {pod: memory[pod] for pod in pods if pod in memory}
    for scrape in scrapes:
        track = tracks.get(scrape.pod)
        if track is None or not _continues(scrape, track.last):
            tracks[scrape.pod] = Track(scrape, scrape, scrape)
        elif scrape.time - track.turn.time >= WINDOW:
            tracks[scrape.pod] = Track(track.turn, scrape, scrape)
        else:
            tracks[scrape.pod] = Track(track.base, track.turn, scrape)
    return tracks


def latency(memory: Memory) -> LatencyView | None:
    """What all engines measured in their windows; None where no request got a token."""
    ttft = _together((track.base.ttft, track.last.ttft) for track in memory.values())
    tpot = _together((track.base.tpot, track.last.tpot) for track in memory.values())
    if ttft is None or ttft.count <= 0:
        return None
    return LatencyView(max(track.last.time for track in memory.values()), ttft, tpot)


def _continues(scrape: Scrape, last: Scrape) -> bool:
    pairs = ((scrape.ttft, last.ttft), (scrape.tpot, last.tpot))
    return all(now is None or before is None or now.continues(before) for now, before in pairs)


def _together(pairs: Iterable[tuple[Histogram | None, Histogram | None]]) -> Histogram | None:
    parts = [last.since(base) for base, last in pairs if last is not None]
    return reduce(Histogram.plus, parts) if parts else None
