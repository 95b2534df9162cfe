"""Every example of the README and the documentation, word for word, against a real service: only the port is another.

Every fenced block says its kind, and the kind what becomes of it: see CHECKS. What is shown below a command must come
out of it, white space apart; in what is shown, … stands for anything and VOLATILE for what differs from run to run."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass

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


# What is not run, by what the block begins with, and why.
NOT_RUN = [
    ("README.md", "make run", "builds; tools/serve.sh is what `make run` calls, and the container suite starts what it starts"),
    ("README.md", "docker-compose", "needs Docker: tests/container"),
    ("docs/getting-started.md", "make run", "as in the README"),
    ("CONTRIBUTING.md", "make build", "builds, and runs the suites that this is one of"),
    ("docs/deployment.md", "docker-compose", "needs Docker: tests/container"),
    ("docs/deployment.md", "deploy:", "a part of docker-compose.yml, which tests/container runs"),
    ("docs/deployment.md", "docker build", "needs Docker: tests/container"),
    ("docs/deployment.md", "podman load", "needs Podman and its image: by hand, as the page says"),
    ("docs/deployment.md", "systemd-run --user --scope -p Delegate=yes podman", "as above"),
    ("docs/deployment.md", "sudo install", "changes the machine's AppArmor"),
    ("docs/deployment.md", "make deb", "installs a package: tools/deb.sh test does it in a root of its own"),
    ("docs/deployment.md", "sudo apt install uidmap", "changes the machine's users: tests/vm/test_rootless.py"),
    ("docs/operating.md", "$ sudo hatchery reload", "of the service on port 8000: tests/e2e/test_reload.py"),
    ("docs/testing.md", "HATCHERY_SCHEMATHESIS", "long; `make test` has a shorter one of each"),
    ("docs/testing.md", "make fuzz", "ten minutes; the suite unit has its corpus"),
    ("docs/testing.md", "make soak", "an hour; .ci/run has two minutes of it"),
    ("docs/testing.md", "make test-vm", "boots virtual machines: .ci/run"),
]

# In what a page shows: a pattern, and what may stand in its place.
VOLATILE = [
    (r'"(?:execution_time|cpu_user|cpu_system|wall|queued|setup|memory_peak|processes_peak)":[0-9.e-]+', None),
    (r"[0-9a-f]{32}", "[0-9a-f]{32}"),
    (r"v[12];memory,swap,pids,cpu(,kill)?", r"v[12];memory,swap,pids,cpu(?:,kill)?"),  # of `hatchery doctor`, by kernel
    (r"ABI\d+", r"ABI\d+"),
    (r"\d+and\d+instructions", r"\d+and\d+instructions"),
    (r"…", ".*?"),
]


@dataclass
class Block:
    page: str
    line: int
    kind: str
    text: str
    shown: str | None  # the block of output that follows

    def __str__(self):
        return f"{self.page}:{self.line}"

    def reason(self):
        return next((why for page, start, why in NOT_RUN if page == self.page and self.text.startswith(start)), None)


def pages():
    root = services.REPOSITORY
    return [root / "README.md", root / "CONTRIBUTING.md", root / "clients/python/README.md", root / "web/pages/llms.txt", *sorted((root / "docs").glob("*.md"))]


def blocks():
    found = []
    for page in pages():
        text = page.read_text()
        name = str(page.relative_to(services.REPOSITORY))
        end = None
        for match in re.finditer(r"^```(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            kind, body = match.groups()
            if found and end is not None and kind in ("text", "json") and found[-1].kind in ("bash", "python", "javascript") and not text[end : match.start()].strip():
                found[-1].shown = body
            else:
                found.append(Block(name, text.count("\n", 0, match.start()) + 1, kind, body, None))
            end = match.end()
    for name, kind in (("docs/hatchery.1", "bash"), ("docs/hatchery.conf.5", "ini")):
        text = (services.REPOSITORY / name).read_text()
        for match in re.finditer(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.MULTILINE | re.DOTALL):
            found.append(Block(name, text.count("\n", 0, match.start()) + 1, kind, match[1].replace("\\-", "-"), None))
    return found


BLOCKS = blocks()


def expected(shown):
    """The pattern of what is shown, white space apart."""
    pattern, rest = "", re.sub(r"\s+", "", shown)
    while rest:
        hits = [(hit.start(), hit, instead) for volatile, instead in VOLATILE if (hit := re.search(volatile, rest))]
        start, hit, instead = min(hits, key=lambda one: one[0], default=(len(rest), None, None))
        pattern += re.escape(rest[:start])
        if hit is None:
            break
        pattern += instead if instead is not None else re.escape(hit[0].split(":")[0]) + ":[0-9.e-]+"
        rest = rest[hit.end() :]
    return pattern


def together(output):
    """Streamed output, where a busy machine has told of a line and of its end in two events."""
    return re.sub(r'"\}\s*(?:event: stdout\s*data: \{|\{"type":"stdout",)"text":"\\n"\}', r'\\n"}', output)


def compare(shown, output, command):
    assert re.fullmatch(expected(shown), re.sub(r"\s+", "", together(output)), re.DOTALL), f"$ {command}\ngave:\n{output}\nshown is:\n{shown}"


WRAPPER = """#!/bin/sh
# hatchery, whose `serve` ends when it is healthy.
case "$*" in
serve*--check-config* | serve*--dump-config* | serve*--help*) ;;
serve*)
    "$BINARY" "$@" --listen "127.0.0.1:$FREE_PORT" &
    pid=$!
    until "$BINARY" health --listen "127.0.0.1:$FREE_PORT" 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill "$pid" 2>/dev/null
    wait "$pid"
    exit ;;
esac
exec "$BINARY" "$@"
"""


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The service that the pages speak of: with an environment "data"."""
    service = services.Service(folder=tmp_path_factory.mktemp("documented"), pool=4, **{
        "environment.data.preload": "numpy,pandas", "environment.data.limit-memory": "1G", "environment.data.pool": 1})
    services.wait_for(lambda: all(one["ready"] for one in service.client.get("/info").json()["environments"]), 30, "warm environments")
    yield service
    service.stop()


@pytest.fixture
def place(tmp_path, documented):
    """A folder to run in, with a command `hatchery`, and what the pages take as given; and the variables for it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "hatchery").write_text(WRAPPER)
    (tools / "hatchery").chmod(0o755)
    config = tools / "hatchery.conf"
    config.write_text("pool = 1\n[environment data]\npreload = numpy,pandas\nlimit-memory = 1G\n")
    (tools / ".curlrc").write_text("silent\nshow-error\n")  # no meter where there is no terminal
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "report.py").write_text("import pandas\nprint(pandas.DataFrame({'n': [1, 2]}).n.sum())\n")
    environment = services.environment(
        no_proxy="*", NO_PROXY="*", CURL_HOME=str(tools), BINARY=str(services.BINARY), FREE_PORT=str(services.free_port()), HATCHERY_CONFIG=str(config),
        PYTHONPATH=str(services.REPOSITORY / "clients/python/src"), PATH=f"{tools}:{os.environ['PATH']}")
    return folder, environment


def there(service, text):
    """The text with the service's port, and with an address where the machine has no /etc/hosts."""
    text = re.sub(r"(localhost|127\.0\.0\.1):8000", rf"\1:{service.port}", text)
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


def run(arguments, place):
    """(status, output with errors) of a command in the place."""
    folder, environment = place
    done = subprocess.run(arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


def check_script(block, service, place, arguments):
    status, output = run([*arguments, there(service, block.text)], place)
    assert status == 0, output
    if block.shown is not None:
        compare(block.shown, output, block.text)


def check_bash(block, service, place):
    check_script(block, service, place, ["bash", "-euo", "pipefail", "-c"])


def check_python(block, service, place):
    check_script(block, service, place, [sys.executable, "-c"])


def check_javascript(block, service, place):
    check_script(block, service, place, ["node", "--input-type=module", "--eval"])


def complete(command):
    """Whether a shell would not wait for more of it."""
    return not command.endswith("\\\n") and subprocess.run(["bash", "-n", "-c", command], capture_output=True).returncode == 0


def session(text):
    """[(command, what is shown below it)] of a block with "$ " before its commands."""
    steps = []
    for line in text.splitlines(keepends=True):
        if steps and not steps[-1][1] and not complete(steps[-1][0]):
            steps[-1][0] += line
        elif line.startswith("$ "):
            steps.append([line[2:], ""])
        else:
            assert steps, f"what is shown belongs to no command: {line}"
            steps[-1][1] += line
    return steps


def check_console(block, service, place):
    left = []
    for command, shown in session(block.text):
        command = there(service, command)
        if command.rstrip().endswith("&"):
            folder, environment = place
            left.append(subprocess.Popen(["bash", "-c", command.rstrip()[:-1]], cwd=folder, env=environment, stdout=subprocess.DEVNULL))
            services.wait_for(lambda: "hatchery_runs_running 1" in service.client.get("/metrics").text, 20, "the run")
            continue
        status, output = run(["bash", "-c", command], place)
        assert status == 0 or shown, f"$ {command}\nended with {status}:\n{output}"
        if shown:
            compare(there(service, shown), output, command)
    for process in left:
        assert process.wait(20) == 0


def check_ini(block, service, place):
    folder, _ = place
    (folder / "block.conf").write_text(block.text)
    status, output = run(["hatchery", "serve", "--config", "block.conf", "--check-config"], place)
    assert status == 0, output


def check_json(block, service, place):
    json.loads(block.text)


def check_text(block, service, place):
    """Not to be run: it must not look as if it were."""
    assert not re.search(r"^(\$|curl|hatchery|make|docker|import|from) ", block.text, re.MULTILINE)


CHECKS = {
    "bash": check_bash,  # run as a script, which must end with 0; what is shown in the next block must come out
    "console": check_console,  # "$ " before each command, what it prints below
    "python": check_python,
    "javascript": check_javascript,
    "ini": check_ini,  # a settings file
    "json": check_json,
    "text": check_text,  # a picture, a log line, a part of a file
    "yaml": None,  # in NOT_RUN
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block, documented, place):
    assert block.kind in CHECKS, f"a block of the kind {block.kind!r}; there are {', '.join(CHECKS)}"
    if block.reason() is None:
        assert CHECKS[block.kind] is not None, f"say in NOT_RUN why this is not run:\n{block.text}"
        CHECKS[block.kind](block, documented, place)


def test_reasons_are_needed():
    for page, start, _ in NOT_RUN:
        assert any(block.page == page and block.text.startswith(start) for block in BLOCKS), f"{page} has no block that begins with {start!r}"


def test_every_field_has_an_example(documented):
    """docs/api.md shows each field of the request in a command, and each of the answer in what comes back."""
    schemas = documented.client.get("/openapi.json").json()["components"]["schemas"]
    steps = [step for block in BLOCKS if block.page == "docs/api.md" and block.kind == "console" for step in session(block.text)]
    sent, shown = "".join(command for command, _ in steps), "".join(output for _, output in steps)

    told = documented.client.get("/llms.txt")
    assert told.headers["content-type"] == "text/plain; charset=utf-8"

    def names(schema):
        """Of all fields, those of what is inside included; names that a client chooses are none."""
        if "$ref" in schema:
            yield from names(schemas[schema["$ref"].rpartition("/")[2]])
        for name, field in schema.get("properties", {}).items():
            yield name
            yield from names(field)
        for inside in [*filter(None, [schema.get("items")]), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
            yield from names(inside)

    for schema, text in (("ExecuteRequest", sent), ("ExecuteResponse", shown)):
        found = set(names(schemas[schema]))
        assert len(found) > len(schemas[schema]["properties"])
        for name in found:
            assert f'"{name}"' in text, f"docs/api.md has no example of {name} ({schema})"
            assert name not in schemas[schema]["properties"] or f"`{name}`" in told.text, f"llms.txt does not speak of {name}"


def test_the_man_page_has_every_command():
    commands = re.findall(r"^  ([a-z]+) +(?=[a-z])", services.command("help").stdout.decode(), re.MULTILINE)
    page = (services.REPOSITORY / "docs/hatchery.1").read_text()
    assert len(commands) > 5
    for name in commands:
        assert re.search(rf"^\.It Cm {name}\b", page, re.MULTILINE) and re.search(rf"^\.Cm {name}\b", page, re.MULTILINE), name


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*pages(), services.REPOSITORY / "SECURITY.md", services.REPOSITORY / "tests/README.md"], ids=lambda page: str(page.relative_to(services.REPOSITORY)))
def test_links(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|/", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: there is no such file"
        if anchor:
            assert anchor in map(slug, re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)), f"{target}: there is no such heading"


def test_symptoms_are_real():
    """What docs/troubleshooting.md quotes as a symptom is what the service says: each part between … is in the source."""
    source = "\n".join(path.read_text() for pattern in ("src/**/*.c", "src/**/*.def", "src/**/*.h") for path in services.REPOSITORY.glob(pattern))
    source = re.sub(r'"\s*\n\s*"', "", source).replace('\\"', '"') + "\n".join(map(os.strerror, range(1, 134)))
    quoted = re.findall(r"^#+ `(.*?)`", (services.REPOSITORY / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    assert len(quoted) > 10
    for symptom in quoted:
        for part in filter(None, (part.strip() for part in symptom.split("…"))):
            assert part in source, f"{symptom}: nothing in the source says {part!r}"
