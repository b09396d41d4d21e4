"""Where the application and each request keep what handlers share."""

from __future__ import annotations

from aiohttp import web

#: Arrival of a request: the event loop's clock, seconds.
BEGAN: web.RequestKey[float] = web.RequestKey("began", float)
#: When the body of a request had been read: the event loop's clock, seconds.
RECEIVED: web.RequestKey[float] = web.RequestKey("received", float)
#: Id of a request, the client's or one made here.
REQUEST_ID: web.RequestKey[str] = web.RequestKey("id", str)
#: Set once the headers of a stream are sent.
STREAMING: web.RequestKey[bool] = web.RequestKey("streaming", bool)
