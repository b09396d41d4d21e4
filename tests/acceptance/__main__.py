"""Runs a work order's "Done when" points and writes what was seen: python -m tests.acceptance NAME [POINT]."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.points import ROOT, WORK_ORDERS, Point

PAGES = ROOT / "docs" / "operations" / "acceptance"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def inputs_digest(point: Point) -> str:
    """Digest of the tracked content (as it lies in the tree) that the point depends on, these results apart."""
    digest = hashlib.sha256(repr((point.command[1:], sorted(point.environment.items()))).encode())
    for name in git("ls-files", "-z", "--", *sorted(point.inputs)).split("\0"):
        path = ROOT / name
        if name and path.is_file() and PAGES not in path.parents:
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def figures(output: str) -> str:
    """What was printed last: the members of a JSON object, or the line itself. Where a log lay is no figure."""
    lines = [line for line in output.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "no output"
    begin = max((number for number, line in enumerate(lines) if line.startswith("{")), default=len(lines) - 1)
    try:
        members = json.loads("\n".join(lines[begin:]))
    except ValueError:
        return last.strip("= ")
    return "; ".join(f"{key} {value}" for key, value in members.items() if key != "log")


def recorded(state: Path) -> dict[str, dict[str, object]]:
    """What earlier runs saw, by point number."""
    results: dict[str, dict[str, object]] = json.loads(state.read_text()) if state.exists() else {}
    return results


def run(point: Point, log: Path) -> dict[str, object]:
    started = time.monotonic()
    with log.open("w") as sink:
        process = subprocess.Popen(
            point.command,
            cwd=ROOT,
            env={**os.environ, **point.environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            sys.stdout.write(line)
            sink.write(line)
            output.append(line)
        process.wait()
    seconds = time.monotonic() - started
    return {
        "kept": process.returncode == 0 and seconds <= point.minutes * 60,
        "figures": figures("".join(output)),
        "seconds": round(seconds),
        "commit": git("rev-parse", "--short", "HEAD").strip() + ("+" if git("status", "--porcelain", "-uno") else ""),
        "inputs": inputs_digest(point),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def page(name: str, points: tuple[Point, ...], results: dict[str, dict[str, object]]) -> str:
    rows = [
        f"# Acceptance: {name}",
        "",
        f"Written by `make accept NAME={name}`. A plus behind a commit means a changed tree.",
        "",
    ]
    for point in points:
        result = results.get(str(point.number))
        rows += [f"## {point.number}. {point.title}", ""]
        command = " ".join((*(f"{k}={v}" for k, v in point.environment.items()), "python", *point.command[1:]))
        rows += [f"- command: `{command}`"]
        if result is None:
            rows += ["- not run yet", ""]
            continue
        stale = "" if result["inputs"] == inputs_digest(point) else " (its inputs have changed since)"
        rows += [
            f"- {'kept' if result['kept'] else 'NOT KEPT'}{stale}",
            f"- figures: {result['figures']}",
            f"- {result['seconds']} s, commit {result['commit']}, {result['date']}",
            "",
        ]
    return "\n".join(rows)


def main() -> int:
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in WORK_ORDERS:
        print(f"usage: make accept NAME={'|'.join(WORK_ORDERS)} [POINT=n]", file=sys.stderr)
        return 2
    name, points = sys.argv[1], WORK_ORDERS[sys.argv[1]]
    wanted = [p for p in points if len(sys.argv) == 2 or str(p.number) == sys.argv[2]]
    if not wanted:
        print(f"{name} has points 1 to {len(points)}, not {sys.argv[2]}", file=sys.stderr)
        return 2
    PAGES.mkdir(parents=True, exist_ok=True)
    state = PAGES / f"{name}.json"
    results = recorded(state)
    logs = ROOT / ".acceptance" / name
    logs.mkdir(parents=True, exist_ok=True)
    for point in wanted:
        earlier = results.get(str(point.number))
        if earlier and earlier["kept"] and earlier["inputs"] == inputs_digest(point) and len(sys.argv) == 2:
            print(f"{point.number}. kept at {earlier['commit']}, inputs unchanged: {point.title}")
            continue
        print(f"{point.number}. {point.title}", flush=True)
        result = run(point, logs / f"{point.number}.log")
        results = {**recorded(state), str(point.number): result}  # another run may have written meanwhile
        state.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        (PAGES / f"{name}.md").write_text(page(name, points, results))
    (PAGES / f"{name}.md").write_text(page(name, points, results))
    missed = [p.number for p in wanted if not results[str(p.number)]["kept"]]
    print(f"missed: {missed}" if missed else "all kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
