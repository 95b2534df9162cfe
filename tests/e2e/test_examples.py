"""The examples of the README, word for word; only the port is another."""

import json
import re
import shutil
import socket
import subprocess
import sys

import pytest

import service as services

CURL = r'''curl -X POST "http://localhost:8000/execute" \
     -H "Content-Type: application/json" \
     -d '{
           "code": "print(\"Hello, World!\")\nresult = sum(range(10))\nprint(f\"Sum: {result}\")",
           "timeout": 5
         }'
'''
CURL_SHORT = r'''curl -X POST http://localhost:8000/execute -H 'Content-Type: application/json' \
     -d '{"code": "print(\"Hello, World!\")\nresult = sum(range(10))\nprint(f\"Sum: {result}\")", "timeout": 5}'
'''
CURL_HEALTH = "curl http://localhost:8000/health\n"
REQUESTS = '''import requests

def execute_code(code: str, timeout: int = 5):
    url = "http://localhost:8000/execute"
    response = requests.post(
        url,
        json={"code": code, "timeout": timeout}
    )
    return response.json()

# Example usage
code = """
print("Hello, World!")
result = sum(range(10))
print(f"Sum: {result}")
"""

result = execute_code(code)
print(result)
'''


def there(service, text):
    """The text with the service's port, and with an address where the machine has no /etc/hosts."""
    text = text.replace(":8000", f":{service.port}")
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        text = text.replace("localhost", "127.0.0.1")
    return text


def shell(service, text):
    if not shutil.which("curl"):
        pytest.skip("no curl")
    text = there(service, text)
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60, check=True,
                          env=services.environment(no_proxy="*", NO_PROXY="*")).stdout


def python(service, text):
    text = there(service, text)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True,
                          env=services.environment(no_proxy="*", NO_PROXY="*")).stdout


@pytest.mark.parametrize("text", [CURL, CURL_SHORT], ids=["long", "short"])
def test_curl(service, text):
    answer = json.loads(shell(service, text))
    assert answer["output"] == "Hello, World!\nSum: 45\n"
    assert answer["error"] is None
    assert 0 < answer["execution_time"] < 5
    assert list(answer)[:3] == ["output", "error", "execution_time"]


def test_curl_health(service):
    assert shell(service, CURL_HEALTH) == '{"status":"healthy"}'


def test_requests(service):
    out = python(service, REQUESTS)
    assert r"'output': 'Hello, World!\nSum: 45\n'" in out
    assert "'error': None" in out


def test_requests_of_the_readme(service):
    """Every curl and every requests example of the README works as it stands."""
    readme = (services.REPOSITORY / "README.md").read_text()
    blocks = re.findall(r"```(\w*)\n(.*?)```", readme, re.DOTALL)
    curls = [text for kind, text in blocks if kind in ("", "sh", "bash", "console") and re.search(r"^curl ", text, re.MULTILINE)]
    pythons = [text for kind, text in blocks if kind == "python" and "requests.post" in text]
    assert curls and pythons
    for text in curls:
        only = re.findall(r"^curl (?:.*\\\n)*(?:[^'\n]|'[^']*')*", text, re.MULTILINE)
        assert only
        for one in only:
            shell(service, one)
    for text in pythons:
        assert "Sum: 45" in python(service, text)
