"""Canaries in every key and token that a gateway's processes have: nothing that these write, say or show has one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from paceline.gateway.ir import Endpoint
from tests.support import consumers, ledger_service
from tests.support.agent import until_status
from tests.support.door import CHAT, USAGE
from tests.support.envoy import LOOPBACK, Server, serving
from tests.support.plant import Plant, a_plant, url_of
from tests.support.worlds import eventually
from tests.support.written import consumer

#: Where Envoy and the agent have secrets on purpose: in memory, readable by nobody else.
OWN = ("files", "token", "mounted", "tokens.json")


async def answer(_request: web.Request, body: dict[str, Any] | None) -> web.StreamResponse:
    if body is None:
        return web.Response()
    status = 500 if body.get("user") == "fails" else 200
    return web.json_response({"model": body["model"], "choices": [], "usage": USAGE}, status=status)


async def asked(plant: Plant) -> list[str]:
    """Answers of every kind: right, refused, failed, with keys where they do not belong."""
    url, said = url_of(plant.hosts[0]), []
    key = plant.written.keys["shop"]
    right = {"model": "bot", "messages": []}
    headers = {"authorization": f"Bearer {key}"}
    tries: list[tuple[str, str, dict[str, str], Any]] = [
        ("POST", CHAT, headers, right),
        ("POST", CHAT, headers, right | {"user": "fails"}),
        ("POST", CHAT, headers, right | {"max_tokens": -1}),
        ("POST", CHAT, headers, right | {"model": "other"}),
        ("POST", CHAT, headers | {"x-pl-client": key}, right),
        ("POST", CHAT, {"authorization": f"Bearer {key}x"}, right),
        ("POST", CHAT, {"authorization": f"Basic {key}"}, right),
        ("POST", CHAT, headers | {"content-type": "text/plain"}, right),
        ("POST", f"{CHAT}?api_key={key}", {}, right),
        ("POST", f"/v1/{key}", headers, right),
        ("GET", "/v1/models", headers, None),
    ]
    for method, path, sent, body in tries:
        async with plant.client.request(method, url + path, json=body, headers=sent) as response:
            said.append(f"{response.status} {dict(response.headers)} {await response.text()}")
    return said


def shown(plant: Plant) -> dict[str, bytes]:
    """What the processes show of themselves."""
    host, found = plant.hosts[0], {}
    for path in ("/config_dump?include_eds", "/stats", "/stats/prometheus", "/clusters", "/listeners", "/server_info"):
        found[f"Envoy's {path}"] = host.envoy.admin(path).encode()
    assert host.agent.process
    for name, pid in {"Envoy": host.envoy.process.pid, "agent": host.agent.process.pid}.items():
        for part in ("cmdline", "environ"):
            found[f"{part} of {name}"] = Path(f"/proc/{pid}/{part}").read_bytes()
    found["arguments of the ledger"] = json.dumps(plant.ledger.command).encode()
    for path in plant.folder.rglob("*"):
        inside = path.relative_to(plant.folder).parts
        if path.is_file() and not any(part in OWN or part.startswith("md-") for part in inside):
            found[f"file {path.relative_to(plant.folder)}"] = path.read_bytes()
    return found


def canaries(plant: Plant) -> dict[str, bytes]:
    found = {f"key of {name}": key for name, key in plant.written.keys.items()}
    found |= {f"token of {name}": ledger_service.TOKENS[name] for name in ("pod-1", "operator")}
    found["token of the engine"] = plant.written.token("md-0")
    return {name: text.encode() for name, text in found.items()}


async def test_no_key_and_no_token_is_where_it_does_not_belong(tmp_path: Path) -> None:
    engine = Server("engine", answer)
    async with serving(engine):
        calling = [
            consumer("shop", ["bot"]),
            consumer("hard", ["bot"], budgets=[consumers.budget(mode="Hard")]),
            consumer("gone", ["bot"], suspended=True),
        ]
        served_at = {"bot": Endpoint(LOOPBACK, engine.port), "other": Endpoint(LOOPBACK, engine.port)}
        price = {"name": "p", "model": "engine-of-bot", "inputPerMillion": "1", "outputPerMillion": "2"}
        more = {"prices": [price], "model": {"exposure": "GatewayOnly"}}
        async with a_plant(tmp_path, served_at, calling, **more) as plant:
            host = plant.hosts[0]
            host.agent.command.append("--log-level=DEBUG")
            await host.agent.end()
            await asyncio.to_thread(host.agent.start)
            await until_status(host, "/readyz", 200)
            said = await asked(plant)
            assert said[0].startswith("200")
            assert "token-of-" in str(engine.seen[-1]["headers"])
            for who in ("hard", "gone"):
                await plant.ask("bot", who)
            # An Envoy that takes nothing says why.
            plant.post(replace(plant.written.gateway, clusters=()))
            spot = plant.spots[0]
            await eventually(lambda: spot.live or spot.operator.report_of("pod-1").rejected)
            pages = {
                "metrics of the agent": (await host.probe("/metrics"))[1],
                "readiness": (await host.probe("/readyz"))[1],
            }
            looked = {"answers": "\n".join(said).encode()} | {name: text.encode() for name, text in pages.items()}
            looked |= shown(plant)
            found = [
                f"{name} in {where}"
                for where, text in looked.items()
                for name, each in canaries(plant).items()
                if each in text
            ]
            assert not found
            # They are where they belong, so that whoever looks for them finds them.
            own = b"".join(each.read_bytes() for each in (host.folder / "files").rglob("*") if each.is_file())
            assert canaries(plant)["key of shop"] in own
            assert {"file ledger.db", "file pod-1/agent.log", "file pod-1/logs/requests.jsonl"} <= looked.keys()
