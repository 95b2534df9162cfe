import asyncio
import sys


async def main():
    sys.exit(6)


asyncio.run(main())
