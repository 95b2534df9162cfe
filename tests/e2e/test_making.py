"""How sandboxes are made again and again: what the makers keep, and what a run's end leaves for the next one."""

import ctypes
import os
import time

import pytest

import audit
from service import wait_for

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 17, 0x4206, 0x40
__WALL = 0x40000000


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
