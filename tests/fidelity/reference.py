"""The reference: a program run as `python3 main.py` in a fresh folder, with what a sandbox would see around it.

    python3 tests/fidelity/reference.py [NAME...]    checks that the programs are deterministic; prints those that are not
    python3 tests/fidelity/reference.py --show NAME  prints what a program gives
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
PYTHON = os.environ.get("HATCHERY_TEST_PYTHON", "/usr/bin/python3")
SANDBOX_FOLDER = b"/sandbox"
TIMEOUT = 60

# Programs that have no room for a line `# silent`: they rightly say nothing.
SILENT = {"source/empty", "source/nul_first", "source/nul_in_comment"}

# Programs that are too long to be read: made here.
MADE = {"source/many_lines": "".join(f"x{n} = {n}\n" for n in range(20000)) + "print(x19999)\n1 / 0\n"}

# What a sandbox sees and nothing else; test_fidelity.py holds the sandbox to it. HOME comes on top: the folder.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONUNBUFFERED": "1",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}


@dataclass
class Outcome:
    stdout: bytes
    stderr: bytes
    status: int  # as subprocess has it: negative for a signal


def names():
    return sorted([*MADE, *(str(path.relative_to(PROGRAMS))[:-3] for path in PROGRAMS.rglob("*.py"))])


def source(name):
    if name in MADE:
        return MADE[name].encode()
    return (PROGRAMS / f"{name}.py").read_bytes()


def needs(code):
    """Modules that a program says it needs, in a line such as `# needs: numpy, pandas`."""
    match = re.search(rb"^# needs: (.*)$", code, re.MULTILINE)
    return [word.strip() for word in match.group(1).decode().split(",")] if match else []


def missing(code, python=PYTHON):
    """The first needed module that the interpreter does not have, or None."""
    for module in needs(code):
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=ENVIRONMENT).returncode:
            return module
    return None


def run(code, python=PYTHON, environment=None):
    """Runs code as main.py in a fresh folder. The folder's path reads /sandbox in the outcome.

    Never for the area sandbox/: those programs try what only a sandbox refuses."""
    top = tempfile.mkdtemp(prefix="fidelity-")
    try:
        folder = os.path.join(top, "sandbox")
        os.mkdir(folder)
        Path(folder, "main.py").write_bytes(code)
        child = subprocess.Popen(
            [python, "main.py"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(ENVIRONMENT if environment is None else environment) | {"HOME": folder},
            start_new_session=True,
            preexec_fn=_as_in_a_sandbox,
        )
        try:
            stdout, stderr = child.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
        place = folder.encode()
        return Outcome(
            stdout.replace(place, SANDBOX_FOLDER), stderr.replace(place, SANDBOX_FOLDER), child.returncode
        )
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _as_in_a_sandbox():
    import resource

    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--show"]:
        assert not arguments[1].startswith("sandbox/"), "only for a sandbox"
        outcome = run(source(arguments[1]))
        sys.stdout.buffer.write(b"--- stdout\n" + outcome.stdout + b"--- stderr\n" + outcome.stderr)
        print(f"--- status {outcome.status}")
        return 0
    chosen = [name for name in names() if not name.startswith("sandbox/")]
    chosen = [name for name in chosen if not arguments or any(word in name for word in arguments)]
    bad = 0
    for name in chosen:
        code = source(name)
        lacking = missing(code)
        if lacking:
            print(f"{name}: skipped: no {lacking}")
            continue
        first, second = run(code), run(code)
        if first != second:
            bad += 1
            print(f"{name}: not deterministic\n  {first}\n  {second}")
        elif not first.stdout and not first.stderr and first.status == 0 and b"# silent" not in code and name not in SILENT:
            bad += 1
            print(f"{name}: says nothing at all (add `# silent` if it must)")
        elif re.search(rb"0x[0-9a-f]{6,}|/home/|pyenv|/tmp/fidelity", first.stdout + first.stderr):
            bad += 1
            print(f"{name}: prints an address or a path\n  {first}")
    print(f"{len(chosen)} programs, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
