import asyncio


async def worker(name, queue, done):
    while True:
        n = await queue.get()
        await asyncio.sleep(0)
        queue.task_done()
        done.append(n)


async def main():
    queue, done = asyncio.Queue(), []
    for n in range(20):
        queue.put_nowait(n)
    tasks = [asyncio.create_task(worker(f"worker-{i}", queue, done)) for i in range(3)]
    await queue.join()
    for task in tasks:
        task.cancel()
    print(await asyncio.gather(*tasks, return_exceptions=True))
    print(sorted(done))


asyncio.run(main())
