"""Records of requests, one JSON object a line. Nothing of a prompt or an answer is in them, and no key."""

from __future__ import annotations

from paceline.gateway.envoy.documents import PACELINE, Document, extension

_ID = {"id": "%REQ(X-REQUEST-ID)%", "row": "%UNIQUE_ID%", "type": "%ACCESS_LOG_TYPE%"}
_WHERE = {
    "route": "%ROUTE_NAME%",
    "target": f"%METADATA(ROUTE:{PACELINE})%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "backend": f"%METADATA(CLUSTER:{PACELINE})%",
    "host": "%UPSTREAM_HOST%",
}
_OUTCOME = {
    "started": "%START_TIME(%s.%6f)%",
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
}


def requests(path: str) -> Document:
    """One line for each request at its end, and while a long one goes on."""
    return _file(
        path,
        {
            **_ID,
            **_WHERE,
            **_OUTCOME,
            "request": f"%DYNAMIC_METADATA({PACELINE}:request)%",
            "usage": f"%DYNAMIC_METADATA({PACELINE}:usage)%",
            "error": f"%DYNAMIC_METADATA({PACELINE}:error)%",
            "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
            # From the first byte of the request to the first byte of the answer's body: headers come earlier.
            "first_byte_ms": "%COMMON_DURATION(DS_RX_BEG:US_RX_BODY_BEG:ms)%",
            "last_byte_ms": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)%",
            "received": "%BYTES_RECEIVED%",
            "sent": "%BYTES_SENT%",
        },
    )


def attempts(path: str) -> Document:
    """Two lines for each attempt: when a server was found for it, and at its end."""
    return _file(path, {**_ID, **_WHERE, **_OUTCOME, "milliseconds": "%DURATION%"})


def _file(path: str, fields: dict[str, str]) -> Document:
    return extension(
        "envoy.access_loggers.file",
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={"json_format": fields},
    )
