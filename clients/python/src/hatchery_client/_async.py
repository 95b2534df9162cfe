"""The client for asyncio, over its streams: HTTP/1.1 as far as hatchery speaks it, a connection for each request."""

from __future__ import annotations

import asyncio
import json
import ssl
from types import TracebackType
from typing import Any, AsyncIterator, Mapping, Optional, Sequence, Union

from . import _types
from ._types import LINES, Busy, ConnectionFailed, Output, Result, Target

LINE_LIMIT = 1 << 20  # of a head's line; bodies are read by their length


class _Response:
    """A response whose head has been read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._rest = b""  # of a stream: the beginning of a line

    async def read_head(self) -> None:
        words = (await self.reader.readline()).split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
            raise ConnectionFailed("the connection ended before an answer")
        self.status = int(words[1])
        while True:
            line = await self.reader.readline()
            if line in (b"\r\n", b"\n"):
                return
            if not line.endswith(b"\n"):
                raise ConnectionFailed("the connection ended inside an answer")
            name, _, value = line.partition(b":")
            self.headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()

    async def chunk(self) -> bytes:
        """The next part of the body; b"" at its end."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            size = int((await self.reader.readline()).split(b";")[0], 16)
            part = await self.reader.readexactly(size)
            await self.reader.readexactly(2)
            return part
        if "content-length" in self.headers:
            part = await self.reader.readexactly(int(self.headers["content-length"]))
            self.headers["content-length"] = "0"
            return part
        return await self.reader.read(65536)

    async def body(self) -> bytes:
        parts = []
        while part := await self.chunk() if self.headers.get("content-length") != "0" else b"":
            parts.append(part)
        return b"".join(parts)

    async def line(self) -> bytes:
        """The next line of the body, without its end."""
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            part = await self.chunk()
            if not part:
                raise ConnectionFailed("the stream broke off")
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line

    def close(self) -> None:
        self.writer.close()


class AsyncClient:
    """A hatchery service for asyncio. Arguments and methods as of Client."""

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        key: Optional[str] = None,
        retries: int = 0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._target = Target(url, key)
        self._retries = retries
        self._ssl = (ssl_context or ssl.create_default_context()) if self._target.tls else None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def run(
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
        """Runs the code and returns when it has ended. To cancel the task ends the run."""
        body = _types.execute_body(code, timeout, stdin, args, env, files, collect, limits, environment)
        headers = _types.execute_headers(wait, request_id, "application/json")
        return _types.result_of(await self._json("POST", "/execute", body, headers))

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
    ) -> AsyncStream:
        """Runs the code once the stream is entered with `async with`."""
        body = _types.execute_body(code, timeout, stdin, args, env, files, collect, limits, environment)
        return AsyncStream(self, body, _types.execute_headers(wait, request_id, LINES))

    async def cancel(self, run_id: str) -> bool:
        """Ends a run. False: no such run waits or runs."""
        try:
            await self._json("DELETE", Target.run_path(run_id))
        except _types.ServiceError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def health(self) -> bool:
        """The service answers. False, not an exception, when it cannot be reached."""
        try:
            return bool((await self._json("GET", "/health")).get("status") == "healthy")
        except _types.HatcheryError:
            return False

    async def ready(self) -> bool:
        """A run would start now, without waiting."""
        try:
            await self._json("GET", "/ready", retry=False)
        except Busy:
            return False
        return True

    async def info(self) -> Mapping[str, Any]:
        """Version, environments, limits, isolation."""
        answer: Mapping[str, Any] = await self._json("GET", "/info")
        return answer

    # --- HTTP -----------------------------------------------------------------------------------------------

    async def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}, retry: bool = True
    ) -> _Response:
        left = self._retries if retry else 0
        while True:
            response = await self._exchange(method, path, body, headers)
            if response.status == 200:
                return response
            try:
                content = await response.body()
            finally:
                response.close()
            refused = _types.error_of(response.status, response.headers, content)
            if not isinstance(refused, Busy) or left <= 0:
                raise refused
            left -= 1
            await asyncio.sleep(refused.retry_after)

    async def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> _Response:
        target = self._target
        fields = {"Host": target.authority, "Content-Length": str(len(body)), **target.headers(headers)}
        head = f"{method} {target.prefix}{path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items()) + "\r\n"
        try:
            reader, writer = await asyncio.open_connection(target.host, target.port, ssl=self._ssl, limit=LINE_LIMIT)
        except OSError as error:
            raise ConnectionFailed(f"{target.authority}: {error}") from error
        response = _Response(reader, writer)
        try:
            writer.write(head.encode("ascii") + body)
            await writer.drain()
            await response.read_head()
        except BaseException as error:
            response.close()
            if isinstance(error, (OSError, ValueError, asyncio.IncompleteReadError)):
                raise ConnectionFailed(f"{target.authority}: {error or type(error).__name__}") from error
            raise
        return response

    async def _json(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}, retry: bool = True
    ) -> Any:
        response = await self._ask(method, path, body, headers, retry)
        try:
            return json.loads(await response.body())
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ConnectionFailed(str(error) or type(error).__name__) from error
        finally:
            response.close()


class AsyncStream:
    """The output of a run as it comes: `async with` starts the run, `async for` reads it. After that `result` says how it
    ended. To leave the `async with` before the end ends the run."""

    def __init__(self, client: AsyncClient, body: bytes, headers: Mapping[str, str]) -> None:
        self._client, self._body, self._headers = client, body, headers
        self._response: Optional[_Response] = None
        self._result: Optional[Result] = None
        self.id = ""

    async def __aenter__(self) -> AsyncStream:
        self._response = await self._client._ask("POST", "/execute", self._body, self._headers)
        while not self.id:
            await self._next()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    @property
    def result(self) -> Result:
        """How the run ended; once the stream has been read to its end."""
        if self._result is None:
            raise ConnectionFailed("the stream was not read to its end")
        return self._result

    async def __aiter__(self) -> AsyncIterator[Output]:
        while self._response is not None:
            output = await self._next()
            if output is not None:
                yield output

    def close(self) -> None:
        """Ends the run, if it still goes on."""
        if self._response is not None:
            self._response.close()
            self._response = None

    async def _next(self) -> Optional[Output]:
        assert self._response is not None
        try:
            kind, event = _types.event_of(await self._response.line())
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            self.close()
            raise ConnectionFailed(str(error) or "the stream broke off") from error
        except ConnectionFailed:
            self.close()
            raise
        if kind in ("stdout", "stderr"):
            return Output(kind, event["text"])
        if kind == "started":
            self.id = event["id"]
        elif kind == "result":
            self._result = _types.result_of(event)
            self.id = self._result.id
            self.close()
        elif kind == "error":
            self.close()
            raise _types.ServiceError(500, event.get("detail"), event.get("id"))
        return None
