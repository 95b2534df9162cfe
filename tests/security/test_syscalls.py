"""System calls from inside: every number that the filter refuses, really made; and a fuzzer that makes what it allows.

The fuzzer runs for HATCHERY_FUZZ_TIME seconds; `make attack-fuzz TIME=600` for longer."""

import os
import platform
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attack import PRELUDE, execute

GOLDEN = Path(__file__).parent.parent / "unit/golden" / f"seccomp_{platform.machine()}.txt"
FUZZ_TIME = float(os.environ.get("HATCHERY_FUZZ_TIME", "6"))


def golden():
    """{number: verdict} of those whose arguments do not matter, and the numbers whose arguments do."""
    verdicts, conditional = {}, set()
    for line in GOLDEN.read_text().splitlines():
        if match := re.fullmatch(r"(\d+) (\S+) (.+)", line):
            if match[3] == "by its arguments":
                conditional.add(int(match[1]))
            else:
                verdicts[int(match[1])] = match[3]
    return verdicts, conditional


def test_every_refused_number(target):
    verdicts, conditional = golden()
    # On x86 the kernel lets these through every filter: they are for its own trampolines, and kill everybody else.
    passed = {335, 336} if platform.machine() == "x86_64" else set()  # uretprobe, uprobe
    refused = {n: verdicts.get(n, "ENOSYS") for n in range(601) if verdicts.get(n) != "allow" and n not in conditional | passed}
    code = f"""
import ctypes, errno
C = ctypes.CDLL(None, use_errno=True)
wrong = []
for number, verdict in {refused}.items():
    for argument in (0, -1, 1 << 40):
        ctypes.set_errno(0)
        if C.syscall(ctypes.c_long(number), *[ctypes.c_long(argument)] * 6) != -1 or errno.errorcode.get(ctypes.get_errno()) != verdict:
            wrong.append((number, verdict, ctypes.get_errno()))
print(len({refused}), wrong)
"""
    answer = execute(target, code, 20)
    assert answer["output"] == f"{len(refused)} []\n", answer
    assert len(refused) > 300


FUZZER = (
    PRELUDE.replace("{numbers}", "{}")
    + r"""
import mmap, random, signal, time
rng = random.Random(SEED)
memory = mmap.mmap(-1, 1 << 16)
at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
flags = [1 << n for n in range(64)]
paths = [b"/tmp/f", b"/sandbox/f", b"/dev/null", b"/dev/zero", b"/proc/self/mem", b"/proc/self/maps", b"/usr/bin/env", b"/tmp", b"f", b"/proc/self/fd/5"]
def argument():
    kind = rng.randrange(9)
    if kind == 0: return rng.choice((0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 16, 4095, 4096, 65536, 1 << 31, (1 << 31) - 1, 1 << 32, -(1 << 63), (1 << 63) - 1))
    if kind == 1: return rng.randrange(16)
    if kind == 2: return at + rng.randrange(1 << 16)
    if kind == 3: return rng.choice(flags) | rng.choice(flags)
    if kind == 4: return rng.randrange(1 << 12)
    if kind == 5: return rng.getrandbits(64) - (1 << 63)
    if kind == 6:
        where = rng.randrange(60000)
        memory[where:where + 32] = rng.choice(paths).ljust(32, b"\0")
        return at + where
    if kind == 7:
        where = rng.randrange(60000) & ~7
        memory[where:where + 64] = b"".join((rng.getrandbits(64) if rng.random() < .3 else rng.randrange(64)).to_bytes(8, "little") for _ in range(8))
        return at + where
    return at
end = time.monotonic() + SECONDS
made = 0
while time.monotonic() < end:
    seed = rng.getrandbits(64)
    try: pid = os.fork()
    except OSError: continue
    if pid == 0:
        rng.seed(seed)
        signal.alarm(1)
        socket_pair = ctypes.create_string_buffer(8)
        C.syscall(PAIR, 1, rng.choice((1, 2, 5)), 0, socket_pair)
        os.open("/tmp/f", os.O_CREAT | os.O_RDWR); os.pipe(); os.memfd_create("f"); os.open("/sandbox", os.O_RDONLY)
        for _ in range(300):
            number = rng.choice(CALLS)
            C.syscall(ctypes.c_long(number), *[ctypes.c_long(argument()) for _ in range(6)])
        os._exit(0)
    try:
        os.waitpid(pid, 0)
        made += 1
    except OSError: pass
"""
)


def kernel_log():
    """The lines of the kernel's log that tell of a broken kernel."""
    found = []
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                line = os.read(fd, 8192).decode(errors="replace")
            except BrokenPipeError:  # lines were overwritten before they were read
                continue
            # A program's own faults are told, too ("traps: python3[17] trap stack segment"); the kernel's name an error code.
            if re.search(r"BUG:|Oops|(general protection fault|stack segment)[,:] 0|KASAN|KCSAN|WARNING: CPU|use-after-free|refcount_t|hung_task", line):
                found.append(line)
    except BlockingIOError:
        return found
    finally:
        os.close(fd)


@pytest.mark.timeout(FUZZ_TIME * 2 + 120)
def test_krn_18_fuzzer(target):
    verdicts, conditional = golden()
    names = {int(m[1]): m[2] for m in re.finditer(r"^(\d+) (\S+) ", GOLDEN.read_text(), re.MULTILINE)}
    calls = sorted(n for n in [*[n for n, v in verdicts.items() if v == "allow"], *conditional] if names[n] not in ("exit", "exit_group", "pause", "rt_sigsuspend"))
    pair = next(n for n, name in names.items() if name == "socketpair")
    before = kernel_log()
    first = int(os.environ.get("HATCHERY_FUZZ_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"HATCHERY_FUZZ_SEED={first}")
    end = time.monotonic() + FUZZ_TIME
    n = 0
    with ThreadPoolExecutor(3) as pool:
        while time.monotonic() < end:
            seconds = min(3, max(1, end - time.monotonic()))
            codes = [f"SEED, SECONDS, CALLS, PAIR = {first + n + i}, {seconds}, {calls}, {pair}\n{FUZZER}" for i in range(3)]
            n += 3
            for answer in pool.map(lambda code: execute(target, code, seconds + 5), codes):
                assert answer["status"] in ("ok", "error", "signal", "timeout", "memory_limit", "output_limit"), answer
            assert execute(target, "print(6 * 7)", 20)["output"] == "42\n"
            target.auditor.check()
    assert not set(kernel_log()) - set(before)
