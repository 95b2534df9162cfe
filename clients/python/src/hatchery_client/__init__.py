"""Client of hatchery: runs Python code on a hatchery service. See Client and AsyncClient."""

from ._async import AsyncClient, AsyncStream
from ._sync import Client, Stream
from ._types import (
    Busy,
    ConnectionFailed,
    HatcheryError,
    InvalidRequest,
    Output,
    Result,
    ServiceError,
    Unauthorized,
    Usage,
)

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "Busy",
    "Client",
    "ConnectionFailed",
    "HatcheryError",
    "InvalidRequest",
    "Output",
    "Result",
    "ServiceError",
    "Stream",
    "Unauthorized",
    "Usage",
]
