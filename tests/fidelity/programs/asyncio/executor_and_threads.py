import asyncio
import threading


async def main():
    print(await asyncio.to_thread(lambda: threading.current_thread() is threading.main_thread()))
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, sum, range(10)))
    print(type(loop).__name__, type(asyncio.get_event_loop_policy()).__name__)


asyncio.run(main())
