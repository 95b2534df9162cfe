import asyncio
import sys


async def main():
    p = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input()[::-1]); import sys; sys.exit(4)",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate(b"hello\n")
    print(out, p.returncode)
    p = await asyncio.create_subprocess_shell("echo shell; exit 2")
    print(await p.wait())


asyncio.run(main())
