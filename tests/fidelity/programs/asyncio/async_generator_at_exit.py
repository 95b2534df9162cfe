import asyncio


async def numbers():
    try:
        for n in range(10):
            yield n
    finally:
        print("generator closed")


async def main():
    async for n in numbers():
        print(n)
        if n == 2:
            break


asyncio.run(main())
print("end")
