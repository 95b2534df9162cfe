"""The baseline: what most services do. A temporary folder and a new Python for each request, nothing isolated."""

import asyncio
import tempfile
import time
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

PYTHON = "/usr/bin/python3"

app = FastAPI()


class Program(BaseModel):
    code: str
    timeout: float = 5


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/execute")
async def execute(program: Program):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.py").write_text(program.code)
        start = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            PYTHON, "main.py", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            output, error = await asyncio.wait_for(process.communicate(), program.timeout)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            return {"output": "", "error": "timed out", "execution_time": program.timeout}
        return {
            "output": output.decode(errors="replace"),
            "error": error.decode(errors="replace") or None,
            "execution_time": time.perf_counter() - start,
        }
