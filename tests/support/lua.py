"""The gateway's scripts on LuaJIT, without the proxy: a handle in Lua stands in for the one that the proxy gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lupa import luajit21

from paceline.gateway import lua

#: What of the proxy's handle the scripts use, with its habits: get() of metadata that is not there returns nothing at
#: all, getBytes() counts from 0, headers that were had before the body came are void, dynamic metadata merges.
_HANDLE = """
local function metadata(values)
  return {get = function(_, name) if values[name] ~= nil then return values[name] end end}
end
local function buffer(bytes)
  return {
    length = function() return #bytes end,
    getBytes = function(_, from, size)
      if from + size > #bytes then error("index/length must be >= 0 and (index + length) must be <= buffer size") end
      return bytes:sub(from + 1, from + size)
    end,
    setBytes = function(_, new) bytes = new return #new end,
    all = function() return bytes end,
  }
end
local function new_handle(headers, body, route, context, dynamic, host)
  local h = {}
  local content = buffer(body)
  local age = 0
  function h:headers()
    local made = age
    local function alive() if made ~= age then error("object used outside of proper scope") end end
    return {
      get = function(_, name) alive() return headers[name] end,
      replace = function(_, name, value)
        alive()
        if type(value) ~= "string" and type(value) ~= "number" then error("a header must be a string") end
        headers[name] = tostring(value)
      end,
      remove = function(_, name) alive() headers[name] = nil end,
    }
  end
  function h:body(always)
    age = age + 1
    if always or content:length() > 0 then return content end
  end
  function h:metadata() return metadata(h.cleared and route or {}) end
  function h:virtualHost() return {metadata = function() return metadata(host) end} end
  function h:filterContext() return metadata(context) end
  function h:clearRouteCache() h.cleared = true end
  function h:timestamp() return 1000500 end
  function h:logErr(text) h.logged = text end
  function h:respond(answer, text) h.status, h.text = answer[":status"], text end
  function h:streamInfo()
    return {dynamicMetadata = function()
      return {
        get = function(_, name) return dynamic[name] end,
        set = function(_, space, name, value)
          dynamic[space] = dynamic[space] or {}
          dynamic[space][name] = value
        end,
      }
    end}
  end
  function h:bodyChunks()
    local at = 0
    return function()
      at = at + 1
      return h.chunks[at] and buffer(h.chunks[at])
    end
  end
  function h:result() return content:all() end
  return h
end
local function run(entry, headers, body, route, context, dynamic, chunks, host)
  local h = new_handle(headers, body, route, context, dynamic, host)
  h.chunks = chunks
  entry(h)
  return {status = h.status, text = h.text, logged = h.logged, body = h:result(), headers = headers, dynamic = dynamic}
end
"""


@dataclass
class Seen:
    """What a script did."""

    status: str | None
    text: str | None
    logged: str | None
    body: bytes
    headers: dict[str, str]
    dynamic: dict[str, Any]

    @property
    def code(self) -> str | None:
        return self.dynamic.get("paceline", {}).get("error", {}).get("code")


@dataclass
class Script:
    """One script in a state of its own."""

    text: str
    exports: str
    runtime: Any = field(init=False)
    functions: Any = field(init=False)

    def __post_init__(self) -> None:
        self.runtime = luajit21.LuaRuntime(encoding=None)
        self.functions = self.runtime.execute(f"{self.text}\n{_HANDLE}\nreturn {{run = run, {self.exports}}}".encode())

    def _table(self, values: Any) -> Any:
        if isinstance(values, dict):
            return self.runtime.table_from({_bytes(key): self._table(value) for key, value in values.items()})
        if isinstance(values, list):
            return self.runtime.table_from([self._table(value) for value in values])
        return _bytes(values)

    def run(self, entry: str, headers: dict[str, str] | None = None, body: bytes = b"", **more: Any) -> Seen:
        """Call a function as the proxy does. `more` has route, context, dynamic, chunks and host."""
        given = {"route": {}, "context": {}, "dynamic": {}, "chunks": [], "host": {}} | more
        tables = [self._table(given[name]) for name in ("route", "context", "dynamic", "chunks", "host")]
        function = self.functions[entry.encode()]
        found = self.functions[b"run"](function, self._table(headers or {}), body, *tables)
        plain = {name: _plain(found[name.encode()]) for name in ("status", "text", "logged", "headers", "dynamic")}
        return Seen(body=found[b"body"], **plain)


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if luajit21.lua_type(value) == "table":
        pairs = {_plain(key): _plain(each) for key, each in value.items()}
        return list(pairs.values()) if pairs and set(pairs) == set(range(1, len(pairs) + 1)) else pairs
    return value.decode("latin-1") if isinstance(value, bytes) else value


@cache
def request() -> Script:
    exports = "envoy_on_request = envoy_on_request, envoy_on_response = envoy_on_response, scan = scan, safe = function"
    return Script(lua.request().text, f"{exports}(s, prompt) local ok, r = pcall(scan, s, prompt) return r end")


@cache
def upstream() -> Script:
    return Script(lua.upstream().text, "envoy_on_request = envoy_on_request")


@cache
def copied() -> Script:
    return Script(lua.copied().text, "envoy_on_request = envoy_on_request")


def scan(body: bytes, prompt: str = "messages") -> dict[str, Any]:
    """What the scanner says of a body: its fields, or {"code", "param"}.

    Raises:
        AssertionError: it stumbled over itself.
    """
    found = request().functions[b"safe"](body, prompt.encode())
    assert luajit21.lua_type(found) == "table", found
    return _plain(found)
