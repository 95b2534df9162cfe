import asyncio
import os


async def main():
    r, w = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, "rb"))
    os.write(w, b"piped\n")
    print(await reader.readline())
    os.close(w)
    transport.close()


asyncio.run(main())
