"""Errors that the proxy makes by itself, in the form of the OpenAI API."""

from __future__ import annotations

from paceline.gateway.envoy.documents import PACELINE, Document, extension
from paceline.gateway.envoy.limits import LIMIT_HEADER

_BODY = "%LOCAL_REPLY_BODY%"
#: About the time in which a server that was taken out for its failures comes back.
_RETRY_SECONDS = "10"
#: How Envoy says which rule of the deny list forbade something.
_RULE = "rbac_access_denied_matched_policy"
_UNASKED = "What is left of the budget could not be asked for too long."
_LIMIT = f"%RESP({LIMIT_HEADER})%"
#: Words for what the proxy refuses before it knows what is asked.
_WORDS = {
    400: ("invalid_request", "The request or its address is malformed."),
    401: ("invalid_api_key", "The API key or token is missing or wrong."),
    408: ("request_timeout", "The request did not come in time."),
    413: ("request_too_large", "The body is too large."),
    431: ("headers_too_large", "The headers are too large."),
}


def local_replies() -> Document:
    """The first mapper that fits decides."""
    return {
        "mappers": [
            {**_later(_detail("overload"), "overloaded", "The gateway has no memory left."), "status_code": 503},
            _later(_detail("ext_authz_error"), "admission_unavailable", "Whether this is allowed could not be asked."),
            # The client's own key is right: it is the gateway that has none for the server.
            {
                **_later(
                    _detail("failed_to_inject_credential"), "no_credential", "The gateway may not ask this server."
                ),
                "status_code": 503,
            },
            # Whoever was asked for admission has put it into the form already.
            {"filter": {"response_flag_filter": {"flags": ["UAEX"]}}, "body_format_override": _as_it_is()},
            _denied("budget", 429, "insufficient_quota", "The budget of this key is used up."),
            _denied("suspended", 403, "consumer_suspended", "This key is suspended."),
            {**_later(_detail(f"{_RULE}[unasked]"), "admission_unavailable", _UNASKED), "status_code": 503},
            _mapper(_detail("local_rate_limited"), "rate_limit_error", "rate_limit_exceeded", f"{_LIMIT} is reached."),
            _later(_both(_status(503), _metadata()), f"%DYNAMIC_METADATA({PACELINE}:error:code)%", _BODY),
            _mapper(_metadata(), "invalid_request_error", f"%DYNAMIC_METADATA({PACELINE}:error:code)%", _BODY),
            *(_mapper(_status(each), "invalid_request_error", *_WORDS[each]) for each in _WORDS),
            _mapper(_below(500), "invalid_request_error", f"%METADATA(ROUTE:{PACELINE}:code)%", _BODY),
            # Servers' own words never come here: only what the proxy says by itself.
            _later(_both(_status(503), _detail("direct_response")), f"%METADATA(ROUTE:{PACELINE}:code)%", _BODY),
            _mapper(_status(504), "server_error", "timeout", "No server answered in time."),
            _later(_status(503), "service_unavailable", "No server can answer this request now."),
        ],
        "body_format": _format("server_error", "internal_error", "The gateway could not do this."),
    }


def _mapper(condition: Document, kind: str, code: str, message: str) -> Document:
    return {"filter": condition, "body_format_override": _format(kind, code, message)}


def _denied(reason: str, status: int, code: str, message: str) -> Document:
    condition = _detail(f"{_RULE}[{reason}]")
    return {**_mapper(condition, "invalid_request_error", code, message), "status_code": status}


def _later(condition: Document, code: str, message: str) -> Document:
    found = _mapper(condition, "server_error", code, message)
    return {**found, "headers_to_add": [{"header": {"key": "retry-after", "value": _RETRY_SECONDS}}]}


def _format(kind: str, code: str, message: str) -> Document:
    parameter = f"%DYNAMIC_METADATA({PACELINE}:error:param)%"
    return {"json_format": {"error": {"message": message, "type": kind, "param": parameter, "code": code}}}


def _as_it_is() -> Document:
    return {"text_format_source": {"inline_string": _BODY}, "content_type": "application/json"}


def _detail(detail: str) -> Document:
    """A condition on what Envoy says of how a response came to be."""
    condition = extension(
        "envoy.access_loggers.extension_filters.cel",
        "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression=f"response.code_details == '{detail}'",
    )
    return {"extension_filter": condition}


def _both(*conditions: Document) -> Document:
    return {"and_filter": {"filters": list(conditions)}}


def _status(code: int) -> Document:
    return _compared("EQ", code)


def _below(code: int) -> Document:
    return _compared("LE", code - 1)


def _compared(operator: str, code: int) -> Document:
    value = {"default_value": code, "runtime_key": "paceline.none"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _metadata() -> Document:
    """The script has refused the request and said why."""
    path = [{"key": "error"}, {"key": "code"}]
    return {
        "metadata_filter": {
            "matcher": {"filter": PACELINE, "path": path, "value": {"present_match": True}},
            "match_if_key_not_found": False,
        }
    }
