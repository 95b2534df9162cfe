"""What both clients share: requests, results, events, errors."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Sequence, Union
from urllib.parse import quote, urlsplit

LINES = "application/x-ndjson"


class HatcheryError(Exception):
    """The base of everything that this package raises."""


class ConnectionFailed(HatcheryError):
    """The service could not be reached, or the connection broke before the answer was complete."""


class ServiceError(HatcheryError):
    """The service answered, but not with a result."""

    def __init__(self, status: int, detail: Any, request_id: Optional[str] = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.request_id = request_id


class InvalidRequest(ServiceError):
    """422: `errors` lists what is wrong and where, as pydantic does."""

    @property
    def errors(self) -> list[dict[str, Any]]:
        return self.detail if isinstance(self.detail, list) else []


class Unauthorized(ServiceError):
    """401: the service wants a key, or another one."""


class Busy(ServiceError):
    """429 or 503: not now; `retry_after` seconds later it may be different."""

    def __init__(self, status: int, detail: Any, request_id: Optional[str], retry_after: float) -> None:
        super().__init__(status, detail, request_id)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Usage:
    """What a run took. Times are in seconds, sizes in bytes."""

    cpu_user: float = 0
    cpu_system: float = 0
    wall: float = 0
    queued: float = 0
    setup: float = 0
    memory_peak: int = 0
    processes_peak: int = 0
    output_bytes: int = 0
    error_bytes: int = 0


@dataclass(frozen=True)
class Output:
    """A piece of what the program printed, as it was printed."""

    stream: str  # "stdout" or "stderr"
    text: str


@dataclass(frozen=True)
class Result:
    """How a run ended. `raw` is the service's whole answer."""

    id: str
    status: str  # ok, error, timeout, cpu_limit, memory_limit, output_limit, signal, cancelled
    output: str
    error: Optional[str]
    exit_code: Optional[int]
    signal: Optional[str]
    execution_time: float
    output_truncated: bool
    error_truncated: bool
    limits_hit: tuple[str, ...]
    usage: Usage
    exception: Optional[dict[str, Any]]  # type, message, line, frames of an uncaught exception
    stack: Optional[list[dict[str, Any]]]  # where each thread was when a limit ended the run
    files: Mapping[str, bytes]  # what `collect` matched
    omitted_files: Mapping[str, str]  # what it matched and did not send, with the reason
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def result_of(answer: Mapping[str, Any]) -> Result:
    files = answer.get("files") or []
    usage = answer.get("usage") or {}
    return Result(
        id=answer["id"],
        status=answer["status"],
        output=answer["output"],
        error=answer["error"],
        exit_code=answer["exit_code"],
        signal=answer["signal"],
        execution_time=answer["execution_time"],
        output_truncated=answer["output_truncated"],
        error_truncated=answer["error_truncated"],
        limits_hit=tuple(answer["limits_hit"]),
        usage=Usage(**{name: usage[name] for name in Usage.__dataclass_fields__ if name in usage}),
        exception=answer.get("exception"),
        stack=answer.get("stack"),
        files={f["path"]: base64.b64decode(f["content_base64"]) for f in files if f.get("content_base64") is not None},
        omitted_files={f["path"]: f["omitted"] for f in files if f.get("omitted") is not None},
        raw=answer,
    )


def execute_body(
    code: str,
    timeout: Optional[float],
    stdin: Optional[str],
    args: Optional[Sequence[str]],
    env: Optional[Mapping[str, str]],
    files: Optional[Mapping[str, Union[str, bytes]]],
    collect: Optional[Sequence[str]],
    limits: Optional[Mapping[str, Union[int, float]]],
    environment: Optional[str],
) -> bytes:
    body: dict[str, Any] = {"code": code}
    given = {
        "timeout": timeout,
        "stdin": stdin,
        "args": list(args) if args is not None else None,
        "env": dict(env) if env is not None else None,
        "collect": list(collect) if collect is not None else None,
        "limits": dict(limits) if limits is not None else None,
        "environment": environment,
    }
    body.update({name: value for name, value in given.items() if value is not None})
    if files is not None:
        body["files"] = [
            {"path": path, "content": content}
            if isinstance(content, str)
            else {"path": path, "content_base64": base64.b64encode(content).decode("ascii")}
            for path, content in files.items()
        ]
    return json.dumps(body).encode()


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ServiceError:
    request_id = headers.get("x-request-id")
    try:
        answer = json.loads(body)
        detail = answer["detail"] if isinstance(answer, dict) and "detail" in answer else answer
    except ValueError:
        detail = body.decode("utf-8", "replace")[:1000]
    if status == 401:
        return Unauthorized(status, detail, request_id)
    if status == 422:
        return InvalidRequest(status, detail, request_id)
    if status in (429, 503):
        try:
            retry_after = float(headers.get("retry-after", "1"))
        except ValueError:
            retry_after = 1.0
        return Busy(status, detail, request_id, retry_after)
    return ServiceError(status, detail, request_id)


def event_of(line: bytes) -> tuple[str, dict[str, Any]]:
    """One line of a stream as (type, members)."""
    event: dict[str, Any] = json.loads(line)
    return event.pop("type"), event


class Target:
    """Where the service is, and what goes with every request."""

    def __init__(self, url: str, key: Optional[str]) -> None:
        parts = urlsplit(url if "://" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not the URL of a service: {url!r}; give one such as http://localhost:8000")
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.tls else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")
        self.key = key

    def headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "hatchery-client/0.1"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        headers.update(more)
        for name, value in headers.items():
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"not a value for the header {name}: {value!r}")
        return headers

    @staticmethod
    def run_path(run_id: str) -> str:
        return "/runs/" + quote(run_id, safe="")


def execute_headers(wait: Optional[float], request_id: Optional[str], accept: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": accept}
    if wait is not None:
        headers["Prefer"] = f"wait={wait:g}"
    if request_id is not None:
        headers["X-Request-Id"] = request_id
    return headers
