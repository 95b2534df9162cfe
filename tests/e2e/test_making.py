"""How sandboxes are made again and again: what the makers keep, and what a run's end leaves for the next one."""

import ctypes
import mmap
import os
import struct
import time
from pathlib import Path

import pytest

import audit
from service import wait_for

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 17, 0x4206, 0x40
__WALL = 0x40000000
HUGE, MADV_COLLAPSE = 2 << 20, 25  # x86, and arm64 with small pages
COMPOUND = 1 << 15 | 1 << 16  # of /proc/kpageflags: the head and the rest of a large folio


def test_a_zygote_keeps_no_descriptor_of_a_slot(make_service):
    """Each fork copies what it holds: that must not grow with the number of slots."""
    service = make_service(pool=8)
    service.canary()
    (zygote,) = service.role_pids()["zygote"]
    wait_for(lambda: len(audit.in_use(audit.sandboxes_below(service.process.pid))) >= 8, 20, "a full pool")
    wait_for(lambda: len(audit.descriptors(zygote)) <= 6, 5, "the zygote's descriptors to be few")


def ready_holder(service):
    """(init, holder) of a sandbox that waits for a program, or None."""
    for box in audit.sandboxes_below(service.process.pid).values():
        stats = {pid: audit.stat_of(pid) for pid in box}
        inits = [pid for pid, stat in stats.items() if stat and stat[0] == "init"]
        holders = [pid for pid, stat in stats.items() if stat and stat[2] in box and stat[2] not in inits]
        if len(box) == 3 and inits and holders:
            return inits[0], holders[0]
    return None


def test_a_holder_that_lacks_a_core_does_not_cost_the_nest(make_service):
    """The holder is made to end 40 ms late, as on a machine that is busy: the nest is used again nevertheless."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    service = make_service(pool=1)
    service.canary()
    for _ in range(20):  # the whole must be over in 100 ms, which a busy machine may not grant
        wait_for(lambda: ready_holder(service), 10, "a ready sandbox")
        init, holder = ready_holder(service) or (0, 0)
        if init == 0:
            continue
        if libc.ptrace(PTRACE_SEIZE, holder, None, PTRACE_O_TRACEEXIT) != 0:
            pytest.skip(f"this machine does not let root trace: {os.strerror(ctypes.get_errno())}")
        assert service.execute("print(6 * 7)")["output"] == "42\n"
        os.waitpid(holder, __WALL)  # it has been told to end
        time.sleep(0.04)
        libc.ptrace(PTRACE_DETACH, holder, None, None)
        wait_for(lambda: audit.stat_of(holder) is None, 10, "the holder's end")
        for _ in range(3):
            service.canary()
        time.sleep(0.2)
        if audit.stat_of(init) is not None:
            return
    raise AssertionError("no nest was used again after its holder had ended late")


def can_collapse():
    """Whether the kernel makes a huge page of small ones when it is told to, and has one."""
    with mmap.mmap(-1, 4 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        here = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        memory[: 4 * HUGE] = b"x" * (4 * HUGE)
        try:
            memory.madvise(MADV_COLLAPSE, -here % HUGE, 3 * HUGE)
            return True
        except OSError:
            return False


def test_the_heap_of_a_zygote_is_in_large_folios(make_service):
    """A fork and its end cost less so; that it is still the same memory every other test shows."""
    if not can_collapse() or not os.access("/proc/kpageflags", os.R_OK):
        pytest.skip("this kernel does not collapse memory that is there (Linux 6.1), or does not tell")
    service = make_service(pool=1)
    service.canary()
    (zygote,) = service.role_pids()["zygote"]
    heap = next(line for line in Path(f"/proc/{zygote}/maps").read_text().splitlines() if line.endswith("[heap]"))
    start, end = (int(address, 16) // mmap.PAGESIZE for address in heap.split()[0].split("-"))
    large = small = 0
    with open(f"/proc/{zygote}/pagemap", "rb") as pages, open("/proc/kpageflags", "rb") as flags:
        pages.seek(start * 8)
        for (entry,) in struct.iter_unpack("Q", pages.read((end - start) * 8)):
            if entry >> 63:
                flags.seek((entry & (1 << 55) - 1) * 8)
                (flag,) = struct.unpack("Q", flags.read(8))
                large += flag & COMPOUND != 0
                small += flag & COMPOUND == 0
    assert large > 4 * small, (large, small)  # what it has written since is in small ones again
