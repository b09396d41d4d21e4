"""`paceline engine-sim`: the simulated engine as a process."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.console import ExitCode, fail
from paceline.sim.batching import Batching, Mode


def engine_sim(
    model: Annotated[str, typer.Option(help="Calibration to imitate, as sim://NAME.")] = "sim://llama-3-8b-h100",
    served_name: Annotated[str, typer.Option(help="Model name that clients use; default: the calibration's.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 -- a container's service
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    batching: Annotated[Mode, typer.Option(help="How waiting requests become a batch.")] = Mode.CONTINUOUS,
    max_batch_size: Annotated[int, typer.Option(min=0, help="Sequences in a batch; 0 takes the engine's limit.")] = 0,
    window_milliseconds: Annotated[
        float, typer.Option(min=0, help="Dynamic: longest wait of the oldest request for a full batch.")
    ] = 0,
    load_seconds: Annotated[float, typer.Option(min=0, help="Time from start to ready.")] = 2.0,
    time_scale: Annotated[
        float, typer.Option(min=0.001, max=100, help="Real seconds per simulated second; 0.1 is ten times as fast.")
    ] = 1.0,
    drain_seconds: Annotated[float, typer.Option(min=0, help="Time for running answers after SIGTERM.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Seeds every choice that a request does not seed itself.")] = 1,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with `api-key: KEY`, without which no request is answered.")
    ] = None,
    truth_log: Annotated[Path | None, typer.Option(help="JSONL file to append one line per request to.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="Scripted fault; may be repeated.")
    ] = None,
) -> None:
    """Serve a simulated engine with OpenAI's API and vLLM's metrics."""
    # As PID 1 a process without a handler ignores SIGTERM; until the server has its own, the end is at once.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
    # Imported here, so that `paceline --help` does not pay for the server.
    from paceline.enginesim import faults, guard, server  # noqa: PLC0415
    from paceline.enginesim.config import Config  # noqa: PLC0415
    from paceline.sim import calibration  # noqa: PLC0415

    try:
        found = calibration.load(model)
    except calibration.UnknownCalibrationError as error:
        fail(f"--model is {model!r}: {error}.", "give one of the known calibrations as sim://NAME", ExitCode.USAGE)
    try:
        wanted = faults.parse(fault or ())
    except faults.BadFaultError as error:
        fail(f"--fault: {error}.", "docs/reference/engine-sim.md lists the faults", ExitCode.USAGE)
    try:
        api_key = guard.read_key(config) if config else ""
    except guard.BadConfigError as error:
        fail(f"--config: {error}.", "write the key into the file as it says", ExitCode.USAGE)
    settings = Config(
        calibration=found,
        served_name=served_name or found.name,
        host=host,
        port=port,
        batching=Batching(batching, max_batch_size, window_milliseconds / 1000),
        load_seconds=load_seconds,
        time_scale=time_scale,
        drain_seconds=drain_seconds,
        seed=seed,
        truth_log=truth_log,
        faults=wanted,
        api_key=api_key,
    )
    try:
        code = asyncio.run(server.run(settings, lambda bound: print(f"listening on {host}:{bound}", flush=True)))
    except OSError as error:
        fail(
            f"--host {host} --port {port} or --truth-log {truth_log} cannot be used: {error}.",
            "free the port, or give another port or a path that can be written",
        )
    raise typer.Exit(code)
