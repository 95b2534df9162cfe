"""hostile.py KIND PORT SECONDS: clients that nobody wants, against a service on this machine. A process of its own, so that a
client that is measured beside it does not share its interpreter. Bounded in number, rate and time."""

import asyncio
import json
import os
import random
import resource
import sys
import time

CODE = json.dumps({"code": "print('x' * 60000)"}).encode()
POST = b"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
# A TLS 1.2 client's first bytes.
TLS = bytes.fromhex("16030100c8010000c40303") + bytes(range(189))


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port, limit=1024)


async def until_closed(reader, seconds):
    try:
        await asyncio.wait_for(reader.read(1 << 16), seconds)
    except (TimeoutError, asyncio.TimeoutError, ConnectionError):
        pass


async def slow_head(port, left):
    reader, writer = await connect(port)
    for byte in GET:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)
        if left() <= 0 or reader.at_eof():
            break
    writer.close()


async def slow_body(port, left):
    _, writer = await connect(port)
    writer.write(POST % len(CODE))
    for byte in CODE:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)
        if left() <= 0:
            break
    writer.close()


async def slow_reader(port, left):
    reader, writer = await connect(port)
    writer.write(POST % len(CODE) + CODE)
    while left() > 0:
        await asyncio.sleep(1)
        if not await asyncio.wait_for(reader.read(100), max(0.1, left())):
            break
    writer.close()


async def idle(port, left):
    _, writer = await connect(port)
    await asyncio.sleep(max(0, left()))
    writer.close()


async def flood(port, left):
    """Connects, asks for little, and is gone before the answer."""
    while left() > 0:
        _, writer = await connect(port)
        writer.write(GET)
        writer.close()
        await asyncio.sleep(0.01)


async def garbage(port, left):
    while left() > 0:
        reader, writer = await connect(port)
        writer.write(os.urandom(random.randrange(1, 2000)))
        await until_closed(reader, min(1, max(0.1, left())))
        writer.close()
        await asyncio.sleep(0.02)


async def pipelined(port, left):
    while left() > 0:
        reader, writer = await connect(port)
        writer.write(GET * 50)
        await until_closed(reader, min(1, max(0.1, left())))
        writer.close()
        await asyncio.sleep(0.1)


async def half_closed(port, left):
    while left() > 0:
        reader, writer = await connect(port)
        writer.write(POST % len(CODE) + CODE[:20])
        writer.write_eof()
        await until_closed(reader, min(1, max(0.1, left())))
        writer.close()
        await asyncio.sleep(0.02)


async def tls(port, left):
    while left() > 0:
        reader, writer = await connect(port)
        writer.write(TLS)
        await until_closed(reader, min(1, max(0.1, left())))
        writer.close()
        await asyncio.sleep(0.02)


async def vanishing(port, left):
    """Asks for a run that lasts, and is gone."""
    body = json.dumps({"code": "import time; time.sleep(30)"}).encode()
    while left() > 0:
        _, writer = await connect(port)
        writer.write(POST % len(body) + body)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort()


# How many of each at the same time.
KINDS = {"slow head": (slow_head, 500), "slow body": (slow_body, 500), "slow reader": (slow_reader, 20), "idle": (idle, 9000),
         "flood": (flood, 4), "garbage": (garbage, 4), "pipelined": (pipelined, 4), "half closed": (half_closed, 4), "tls": (tls, 4),
         "vanishing": (vanishing, 1)}


async def one(kind, port, left):
    try:
        await kind(port, left)
    except OSError:
        pass  # refused or reset: what such a client deserves


async def attack(name, port, seconds, most):
    kind, count = KINDS[name]
    end = time.monotonic() + seconds
    count = min(count, most)
    tasks = []
    for started in range(count):
        tasks.append(asyncio.create_task(one(kind, port, lambda: end - time.monotonic())))
        if started % 100 == 99:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    print(f"{count} clients", flush=True)
    await asyncio.gather(*tasks)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), hard - 64))


if __name__ == "__main__":
    main()
