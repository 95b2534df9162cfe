import asyncio


async def forever():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print("cancelled")
        raise
    finally:
        print("finally")


async def main():
    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    task.cancel("why")
    try:
        await task
    except asyncio.CancelledError as error:
        print(repr(error))
    asyncio.create_task(forever())
    await asyncio.sleep(0)


asyncio.run(main())
