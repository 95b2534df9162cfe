"""The OpenAPI document: a linter finds nothing, and schemathesis, which makes requests of it, finds no answer that it does not
describe. A longer run: HATCHERY_SCHEMATHESIS_EXAMPLES=1000 tools/pytest.sh build tests/conformance -k schemathesis"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service import REPOSITORY

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("HATCHERY_SCHEMATHESIS_EXAMPLES", "25")
KEY = "conformance-key-of-the-tests"


@pytest.fixture(scope="session")
def redocly():
    """The linter, in build/redocly: installed when it is not there as the lock file wants it."""
    folder, binary = REPOSITORY / "build" / "redocly", REPOSITORY / "build" / "redocly" / "node_modules" / ".bin" / "redocly"
    lock = (HERE / "package-lock.json").read_bytes()
    if not binary.exists() or (folder / "package-lock.json").read_bytes() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=110)
    return binary


@pytest.fixture(params=["without keys", "with keys"])
def any_service(request, make_service, tmp_path):
    """(service, headers)"""
    if request.param == "without keys":
        return make_service(pool=4), {}
    keys = tmp_path / "keys"
    keys.write_text(f"tests sha256:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    return make_service(pool=4, keys_file=keys), {"Authorization": f"Bearer {KEY}"}


def test_lint(any_service, redocly, tmp_path):
    service, _ = any_service
    document = tmp_path / "openapi.json"
    document.write_text(service.client.get("/openapi.json").text)
    done = subprocess.run([redocly, "lint", "--extends", "recommended", "--format", "json", document], capture_output=True, text=True, cwd=tmp_path, timeout=60,
                          env=os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})  # fmt: skip
    problems = json.loads(done.stdout)["problems"]
    assert problems == [] and done.returncode == 0, [(p["ruleId"], p["message"], p["location"][0].get("pointer")) for p in problems]


def test_schemathesis(any_service, tmp_path):
    service, headers = any_service
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES,
               "--seed", "1", "--request-timeout", "60", "--no-color"]  # fmt: skip
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=float(EXAMPLES) * 3 + 60)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 6" in done.stdout, done.stdout[-3000:]
    service.client.headers.update(headers)
    service.canary()
