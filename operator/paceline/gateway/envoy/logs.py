"""Records of requests, one JSON object a line. Nothing of a prompt or an answer is in them, and no key.

`target`, `backend`, `request` and `usage` are JSON texts within the JSON: made once, and never parsed on the way.
"""

from __future__ import annotations

from paceline.gateway.envoy.documents import CLIENT, PACELINE, REFUSAL, Document, extension

LABELS, RECORD = "labels", "record"
_ATTEMPT = {
    "id": "%REQ(X-REQUEST-ID)%",
    "type": "%ACCESS_LOG_TYPE%",
    "started": "%START_TIME(%s.%6f)%",
    "emitted": "%EMIT_TIME(%s.%6f)%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%",
    "code": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "target": f"%METADATA(ROUTE:{PACELINE}:{RECORD})%",
    "backend": f"%METADATA(CLUSTER:{PACELINE}:{LABELS})%",
}


def requests(path: str) -> Document:
    """One line for each request at its end, and one each second while it goes on."""
    return _file(
        path,
        {
            **_ATTEMPT,
            "details": "%RESPONSE_CODE_DETAILS%",
            "request": f"%DYNAMIC_METADATA({PACELINE}:request)%",
            "usage": f"%DYNAMIC_METADATA({PACELINE}:usage)%",
            "error": f"%DYNAMIC_METADATA({PACELINE}:error)%",
            "refusal": f"%RESP({REFUSAL})%",
            "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
            # From the request's first byte to the first and the last of the answer's body, whose headers may come much
            # earlier, and to the last that was given to the client.
            "first_byte_us": "%COMMON_DURATION(DS_RX_BEG:US_RX_BODY_BEG:us)%",
            "last_byte_us": "%COMMON_DURATION(DS_RX_BEG:US_RX_END:us)%",
            "duration_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        },
    )


def attempts(path: str) -> Document:
    """A line when a server was found for an attempt, and one at the end of an attempt that failed.

    The first is evidence of requests that a killed proxy cannot write about any more. It has the client where a
    connection was there already; where one had to be made, the gateway's headers are gone by then.
    """
    fields = {**_ATTEMPT, "client": f"%REQ({CLIENT})%"}
    return _file(path, fields, {"or_filter": {"filters": [_failed(), _begun()]}})


def _failed() -> Document:
    return _status("GE", 400)


def _begun() -> Document:
    """There is no status yet, or the attempt ended without one."""
    return _status("EQ", 0)


def _status(operator: str, code: int) -> Document:
    value = {"default_value": code, "runtime_key": "paceline.none"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _file(path: str, fields: dict[str, str], condition: Document | None = None) -> Document:
    written = extension(
        "envoy.access_loggers.file",
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={"json_format": fields},
    )
    return written | ({"filter": condition} if condition else {})
