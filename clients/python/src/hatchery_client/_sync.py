"""The client for ordinary code, over http.client."""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import ssl
import time
from collections import deque
from types import TracebackType
from typing import Any, Iterator, Mapping, Optional, Sequence, Union

from . import _types
from ._types import LINES, Busy, ConnectionFailed, Output, Result, Target


def _readable(sock: socket.socket) -> bool:
    """True before a request means that the service has closed the connection."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


class Client:
    """A hatchery service. May be used by several threads; keeps connections open between calls.

    url      such as "http://localhost:8000"
    key      an API key, where the service wants one
    retries  how often a request that is refused as Busy waits as long as it was told to and is sent again
    timeout  seconds without a byte after which a connection counts as broken; None: never
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        key: Optional[str] = None,
        retries: int = 0,
        timeout: Optional[float] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._target = Target(url, key)
        self._retries = retries
        self._timeout = timeout
        self._ssl = ssl_context
        self._idle: deque[http.client.HTTPConnection] = deque()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the idle connections. The client may be used again."""
        while self._idle:
            self._idle.pop().close()

    # --- the API --------------------------------------------------------------------------------------------

    def run(
        self,
        code: str,
        *,
        timeout: Optional[float] = None,
        stdin: Optional[str] = None,
        args: Optional[Sequence[str]] = None,
        env: Optional[Mapping[str, str]] = None,
        files: Optional[Mapping[str, Union[str, bytes]]] = None,
        collect: Optional[Sequence[str]] = None,
        limits: Optional[Mapping[str, Union[int, float]]] = None,
        environment: Optional[str] = None,
        wait: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> Result:
        """Runs the code and returns when it has ended. `wait`: seconds that it may wait to start; `request_id`: the name for
        cancel() and the service's logs."""
        body = _types.execute_body(code, timeout, stdin, args, env, files, collect, limits, environment)
        headers = _types.execute_headers(wait, request_id, "application/json")
        connection, response = self._ask("POST", "/execute", body, headers)
        return _types.result_of(self._json(connection, response))

    def stream(
        self,
        code: str,
        *,
        timeout: Optional[float] = None,
        stdin: Optional[str] = None,
        args: Optional[Sequence[str]] = None,
        env: Optional[Mapping[str, str]] = None,
        files: Optional[Mapping[str, Union[str, bytes]]] = None,
        collect: Optional[Sequence[str]] = None,
        limits: Optional[Mapping[str, Union[int, float]]] = None,
        environment: Optional[str] = None,
        wait: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> Stream:
        """Runs the code; the stream gives what it prints, as it prints it. Arguments as for run()."""
        body = _types.execute_body(code, timeout, stdin, args, env, files, collect, limits, environment)
        connection, response = self._ask("POST", "/execute", body, _types.execute_headers(wait, request_id, LINES))
        return Stream(self, connection, response)

    def cancel(self, run_id: str) -> bool:
        """Ends a run. False: no such run waits or runs."""
        try:
            self._json(*self._ask("DELETE", Target.run_path(run_id)))
        except _types.ServiceError as error:
            if error.status == 404:
                return False
            raise
        return True

    def health(self) -> bool:
        """The service answers. False, not an exception, when it cannot be reached."""
        try:
            return bool(self._json(*self._ask("GET", "/health")).get("status") == "healthy")
        except _types.HatcheryError:
            return False

    def ready(self) -> bool:
        """A run would start now, without waiting."""
        try:
            self._json(*self._ask("GET", "/ready", retry=False))
        except Busy:
            return False
        return True

    def info(self) -> Mapping[str, Any]:
        """Version, environments, limits, isolation."""
        answer: Mapping[str, Any] = self._json(*self._ask("GET", "/info"))
        return answer

    # --- HTTP -----------------------------------------------------------------------------------------------

    def _connect(self) -> http.client.HTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()
        target = self._target
        if target.tls:
            return http.client.HTTPSConnection(target.host, target.port, timeout=self._timeout, context=self._ssl)
        return http.client.HTTPConnection(target.host, target.port, timeout=self._timeout)

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            self._idle.append(connection)

    def _ask(
        self, method: str, path: str, body: Optional[bytes] = None, headers: Mapping[str, str] = {}, retry: bool = True
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        left = self._retries if retry else 0
        while True:
            connection = self._connect()
            try:
                connection.request(method, self._target.prefix + path, body, self._target.headers(headers))
                response = connection.getresponse()
                if response.status == 200:
                    return connection, response
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise ConnectionFailed(f"{self._target.authority}: {error or type(error).__name__}") from error
            self._keep(connection, response)
            refused = _types.error_of(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
            if not isinstance(refused, Busy) or left <= 0:
                raise refused
            left -= 1
            time.sleep(refused.retry_after)

    def _json(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Any:
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionFailed(f"{self._target.authority}: {error or type(error).__name__}") from error
        self._keep(connection, response)
        return json.loads(content)


class Stream:
    """The output of a run as it comes: iterate over it. After that `result` says how the run ended. To leave the `with`, or
    to close(), before the end ends the run."""

    def __init__(self, client: Client, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._client = client
        self._connection = connection
        self._response = response
        self._result: Optional[Result] = None
        self._id: Optional[str] = None
        self._ended = False
        while self._id is None and not self._ended:
            self._next()

    @property
    def id(self) -> str:
        """Names the run for Client.cancel()."""
        return self._id or ""

    @property
    def result(self) -> Result:
        """How the run ended. Reads the stream to its end, if nobody did yet."""
        for _ in self:
            pass
        if self._result is None:
            raise ConnectionFailed("the stream was closed before its end")
        return self._result

    def __iter__(self) -> Iterator[Output]:
        while not self._ended:
            output = self._next()
            if output is not None:
                yield output

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Ends the run, if it still goes on."""
        if not self._ended:
            self._ended = True
            self._response.close()
            self._connection.close()

    def _next(self) -> Optional[Output]:
        try:
            line = self._response.readline()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionFailed(str(error) or type(error).__name__) from error
        if not line.endswith(b"\n"):
            self.close()
            raise ConnectionFailed("the stream broke off")
        kind, event = _types.event_of(line)
        if kind in ("stdout", "stderr"):
            return Output(kind, event["text"])
        if kind == "started":
            self._id = event["id"]
        elif kind == "result":
            self._result = _types.result_of(event)
            self._id = self._result.id
            self._finish()
        elif kind == "error":
            self._finish()
            raise _types.ServiceError(500, event.get("detail"), event.get("id"))
        return None

    def _finish(self) -> None:
        self._response.read()
        self._ended = True
        self._client._keep(self._connection, self._response)
