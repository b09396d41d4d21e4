"""Locust: a trace replayed open-loop. See README.md for the command."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import gevent
from geventhttpclient import HTTPClient
from locust import User, constant, events, task

from loadtests.schedule import Planned, azure, body
from loadtests.stream import Seen


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    parser.add_argument("--trace", required=True, help="azure_llm_2023_*.csv.gz")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the trace")
    parser.add_argument("--duration", type=float, default=600.0, help="length of the slice in seconds")
    parser.add_argument("--model", required=True, help="the model name to ask for")
    parser.add_argument("--out", required=True, help="file for one JSON line a request")


class Replay(User):
    """Sends the whole schedule; one of it is enough, since each request runs in a greenlet of its own."""

    wait_time = constant(0)

    @task
    def replay(self) -> None:
        options: Namespace = self.environment.parsed_options
        # Encoded beforehand: building a prompt when it is due would make others late.
        planned = [
            (request, json.dumps(body(request, options.model)))
            for request in azure(Path(options.trace), options.start, options.duration)
        ]
        began = time.monotonic() + 1.0
        with Path(options.out).open("w") as sink:
            running = []
            for request, payload in planned:
                gevent.sleep(max(0.0, began + request.at - time.monotonic()))
                running.append(gevent.spawn(self.send, request, began, payload, sink))
            gevent.joinall(running, timeout=300)
        self.environment.runner.quit()

    def send(self, request: Planned, began: float, payload: str, sink: Any) -> None:
        seen = Seen(request.id, intended=began + request.at)
        client = HTTPClient.from_url(self.host, concurrency=1, connection_timeout=10, network_timeout=300)
        try:
            seen.sent = time.monotonic()
            response = client.post(
                "/v1/chat/completions",
                body=payload,
                headers={"content-type": "application/json", "x-request-id": request.id},
            )
            seen.status = response.status_code
            while line := response.readline(b"\n"):
                seen.line(line, time.monotonic())
        except Exception as problem:  # noqa: BLE001 - every failure is a row of the result
            seen.error = repr(problem)
        finally:
            client.close()
        sink.write(seen.row() + "\n")
        self.report(seen)

    def report(self, seen: Seen) -> None:
        start = seen.first if seen.first is not None else seen.sent
        problem = None if seen.answered else RuntimeError(seen.error or f"status {seen.status}, done {seen.done}")
        self.environment.events.request.fire(
            request_type="SSE",
            name="chat (TTFT)",
            response_time=(start - seen.intended) * 1000,
            response_length=seen.output_tokens,
            exception=problem,
            context={},
        )
