import asyncio


async def bad(n):
    raise ValueError(n)


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(bad(1))
        group.create_task(bad(2))


try:
    asyncio.run(main())
except* ValueError as error:
    print(error.exceptions)
