import asyncio


async def serve(reader, writer):
    data = await reader.readline()
    writer.write(data.upper())
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_unix_server(serve, "s.sock")
    reader, writer = await asyncio.open_unix_connection("s.sock")
    writer.write(b"hello\n")
    print(await reader.readline())
    writer.close()
    server.close()


asyncio.run(main())
