import asyncio


async def work(n):
    await asyncio.sleep(0.01 * n)
    print("task", n)
    return n


async def main():
    print(await asyncio.gather(*(work(n) for n in (3, 1, 2))))
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.02)
    except TimeoutError as e:
        print("timeout", repr(e))


asyncio.run(main())
