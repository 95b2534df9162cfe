import asyncio
import gc


async def bad():
    raise ValueError("nobody asked")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, c: print(c["message"], repr(c["exception"])))
    task = asyncio.create_task(bad())
    await asyncio.sleep(0.01)
    del task
    gc.collect()


asyncio.run(main())
