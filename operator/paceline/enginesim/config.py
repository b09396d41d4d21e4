"""What `paceline engine-sim` was started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from paceline.enginesim.faults import Faults
from paceline.sim.batching import Batching
from paceline.sim.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one simulated engine.

    Attributes:
        calibration: Whose speed it has.
        served_name: Model name that clients use.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        batching: How batches form.
        load_seconds: Time from start to ready, before scaling.
        time_scale: Real seconds per simulated second: 0.1 is ten times as fast as the measured engine.
        drain_seconds: How long running answers may go on after SIGTERM, in real seconds.
        seed: Seeds every choice that a request does not seed itself.
        truth_log: JSONL file to append one line per finished request to; None: no log.
        faults: What goes wrong on purpose.
        api_key: What requests must bring; "" answers anybody.
    """

    calibration: Calibration
    served_name: str
    host: str = "0.0.0.0"  # noqa: S104 -- a container's service; the flag narrows it
    port: int = 8000
    batching: Batching = field(default_factory=Batching)
    load_seconds: float = 2.0
    time_scale: float = 1.0
    drain_seconds: float = 30.0
    seed: int = 1
    truth_log: Path | None = None
    faults: Faults = field(default_factory=Faults)
    api_key: str = field(default="", repr=False)
