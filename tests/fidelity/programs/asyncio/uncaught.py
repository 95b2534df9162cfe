import asyncio


async def main():
    await inner()


async def inner():
    raise ValueError("in a coroutine")


asyncio.run(main())
