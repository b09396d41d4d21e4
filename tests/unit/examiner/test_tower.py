"""The tower: what it keeps of each namespace, and that it says when it has gone blind."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from tests.examiner.tower import Tower, watching
from tests.support.waiting import wait_until


def obj(name, version, namespace="a", **rest):
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, **rest}


def frame(type_, body):
    return json.dumps({"type": type_, "object": body}) + "\n"


class Server:
    """An API server with some models, and frames for the first watch of them; later watches wait for the end."""

    def __init__(self, *frames):
        self.frames, self.asked, self.over = list(frames), [], threading.Event()

    def __call__(self, request):
        models = request.url.path.endswith("/modeldeployments")
        if "watch" not in request.url.params:
            items = [obj("old", 3)] if models else []
            return httpx.Response(200, json={"metadata": {"resourceVersion": "5"}, "items": items})
        if models:
            self.asked.append(request.url.params["resourceVersion"])
            if self.frames:
                lines, self.frames = self.frames, []
                return httpx.Response(200, text="".join(lines))
        self.over.wait(5)
        return httpx.Response(200, text="")

    def client(self):
        return httpx.Client(base_url="http://cluster", transport=httpx.MockTransport(self))


def test_it_keeps_events_by_namespace_and_knows_what_is_there():
    server = Server(frame("ADDED", obj("new", 6, "b")), frame("DELETED", obj("old", 7)))
    with server.client() as client, watching(client) as tower:
        wait_until(lambda: len(tower.events("a")) == 2, 5, "the deletion is seen")
        assert [event.type for event in tower.events("a")] == ["ADDED", "DELETED"]
        assert tower.state("a") == {}
        assert ("modeldeployments", "new") in tower.state("b")
        assert tower.elsewhere("a") == {"uid-b-new"}
        server.over.set()


def test_the_next_watch_goes_on_where_the_last_one_ended_also_after_a_bookmark():
    server = Server(frame("ADDED", obj("new", 6)), frame("BOOKMARK", obj("", 9)))
    with server.client() as client, watching(client) as tower:
        wait_until(lambda: len(server.asked) == 2, 5, "it watches again")
        assert server.asked == ["5", "9"]
        assert [event.place[1] for event in tower.events("a")] == ["old", "new"]
        server.over.set()


def test_of_a_forgotten_namespace_nothing_more_is_kept():
    server = Server()
    tower = Tower(server.client())
    tower.forget("b")
    server.frames = [frame("ADDED", obj("new", 6, "b")), frame("ADDED", obj("more", 7))]
    tower.start()
    wait_until(lambda: len(tower.events("a")) == 2, 5, "the second one is seen")
    assert tower.events("b") == []
    assert tower.elsewhere("a") == {"uid-b-new"}
    server.over.set()
    tower.stop()


def test_a_watch_that_broke_is_no_quiet_cluster():
    server = Server(frame("ERROR", {"code": 410}))
    tower = Tower(server.client())
    tower.start()
    wait_until(lambda: server.asked, 5, "it watched")
    server.over.set()
    with pytest.raises(AssertionError, match="modeldeployments"):
        tower.stop()
