"""Names of hosts, and addresses of services outside the cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paceline.api.worded import Worded

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#: At least one dot, and a last part that begins with a letter: no address in any spelling, and no localhost.
_HOST = "([a-z0-9-]+[.])+[a-z][a-z0-9-]*"
#: No part ends with a dot, so none is . or ..
_PATH = "(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])*/?"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

Hostname = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Worded(
        f"([*][.])?{_LABEL}([.]{_LABEL})*",
        "must be a host name in lower case without scheme and port, such as llm.example.com or *.example.com",
    ),
]
#: Its length and the two short rules keep what a route's backends may cost at admission within the API server's limit.
HttpsUrl = Annotated[
    str,
    Field(min_length=1, max_length=200),
    Worded(
        f"https://{_HOST}(:[0-9]{{1,5}})?{_PATH}",
        "must be https://<host name>[:<port>][/<path>] such as https://api.example.com/v1: a host name in lower case "
        "with a dot, no address, and no user, query or fragment",
    ),
    Worded(f"[^:]*:[^:]*(:({_PORT})(/.*)?)?", "must have a port from 1 to 65535; correct it or leave it out"),
]
