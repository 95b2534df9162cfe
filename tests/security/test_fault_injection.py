"""Every system call that makes a sandbox fails, one after the other: the program does not run, or it runs wholly sealed.

A filter with a listener is put over `hatchery run` and all of its processes; who listens lets every call go on but one. The
first run counts the calls. What runs is a program that looks whether it is sealed."""

import array
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import audit
import service as services

CALLS = ("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "clone3", "clone", "sethostname",
         "setresuid", "setresgid", "setgroups", "capset", "capget", "prctl", "prlimit64", "setrlimit", "landlock_create_ruleset",
         "landlock_add_rule", "landlock_restrict_self", "seccomp", "close_range", "setsid", "chdir", "fchdir", "pidfd_open", "execve",
         "execveat", "socketpair", "pipe2", "mkdir", "mkdirat", "symlinkat", "memfd_create", "fchown", "getresuid", "getgroups")

# The program says so when it begins; what it does is not the making any more.
PROGRAM_BEGINS = 777

# Its output is this, or nothing.
SEALED = b"sealed\n"
PROGRAM = b"""
import ctypes, os
C = ctypes.CDLL(None, use_errno=True)
C.prctl(23, 777)
head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
ok = [C.prctl(21) == 2, C.prctl(39, 0, 0, 0, 0) == 1, C.capget(head, data) == 0 and not any(data), not any(C.prctl(23, c) == 1 for c in range(64)),
      os.getresuid() == (1000,) * 3, os.getresgid() == (1000,) * 3, os.getgroups() == [], os.getcwd() == '/sandbox', os.listdir('.') == ['main.py'],
      os.uname().nodename == 'sandbox', os.getsid(0) == os.getpid() != 1, not os.path.exists('/etc/shadow'), not os.path.exists('/sys/kernel'),
      C.unshare(0) == -1, C.unshare(0x10000000) == -1, C.ptrace(0, 0, 0, 0) == -1, C.socket(2, 1, 0) == -1, os.listdir('/tmp') == os.listdir('/dev/shm') == [],
      [n for n in range(3, 300) if C.fcntl(n, 1, 0) != -1] == [], not any(p.startswith('self/') for p in ()), len([p for p in os.listdir('/proc') if p.isdigit()]) <= 2]
import resource
ok += [resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= 256, C.prctl(3) == 0]
try: os.close(os.open('/usr/lib/os-release', os.O_RDWR)); ok += [False]
except OSError: pass
print('sealed' if all(ok) else ok)
"""

RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
NOTIFICATION, ANSWER = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
_seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
_seccomp.seccomp_init.restype = ctypes.c_void_p
PRCTL = _seccomp.seccomp_syscall_resolve_name(b"prctl")
EXECVE = _seccomp.seccomp_syscall_resolve_name(b"execve")
_seccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p


def put_filter(send_to):
    """In the child, before exec: asks a listener about each of CALLS, and hands the listener's end over."""
    context = ctypes.c_void_p(_seccomp.seccomp_init(ctypes.c_uint32(0x7FFF0000)))  # allow
    for call in CALLS:
        number = _seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            _seccomp.seccomp_rule_add_exact_array(context, ctypes.c_uint32(0x7FC00000), number, 0, None)  # notify
    if _seccomp.seccomp_load(context) != 0:
        os._exit(99)
    fd = _seccomp.seccomp_notify_fd(context)
    send_to.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)


class Listener(threading.Thread):
    """Answers for all of CALLS: goes on, but for the call with the number `fail`, counted from 0 behind the exec
    of the binary."""

    def __init__(self, end, fail):
        super().__init__(daemon=True)
        self.end, self.fail, self.calls, self.begun, self.over = end, fail, [], False, False

    def run(self):
        _, ancillary, _, _ = self.end.recvmsg(1, socket.CMSG_SPACE(4))
        fd = array.array("i", ancillary[0][2])[0]
        buffer = bytearray(NOTIFICATION.size)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        try:
            while True:
                ready = poll.poll(10000)
                if not ready or ready[0][1] & select.POLLHUP:
                    break
                buffer[:] = bytes(len(buffer))
                try:
                    fcntl.ioctl(fd, RECEIVE, buffer)
                except OSError as error:  # it was killed meanwhile
                    if error.errno in (errno.ENOENT, errno.EINTR):
                        continue
                    raise
                identity, _, _, number, _, _, *arguments = NOTIFICATION.unpack(buffer)
                self.over = self.over or (number, *arguments[:2]) == (PRCTL, 0x17, PROGRAM_BEGINS)
                fails = self.begun and not self.over and len(self.calls) == self.fail
                if self.begun and not self.over:
                    self.calls.append((number, arguments[0]))
                self.begun = self.begun or number == EXECVE
                try:
                    fcntl.ioctl(fd, SEND, ANSWER.pack(identity, 0, -errno.EPERM if fails else 0, 0 if fails else CONTINUE))
                except OSError as error:
                    if error.errno != errno.ENOENT:
                        raise
        finally:
            os.close(fd)


def run(fail=-1):
    ours, theirs = socket.socketpair()
    listener = Listener(ours, fail)
    listener.start()
    with ours, theirs:
        process = subprocess.Popen(
            [str(services.BINARY), "run", "--timeout", "20", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd="/", env=services.environment(), preexec_fn=lambda: put_filter(theirs))
        out, err = process.communicate(PROGRAM, timeout=60)
        listener.join(20)
    return process, out, err, listener.calls


def name_of(call):
    number, argument = call
    name = _seccomp.seccomp_syscall_resolve_num_arch(0, number).decode()
    return f"{name}({argument:#x})" if name in ("prctl", "unshare", "prlimit64") else name


def test_fault_12_each_step_of_the_making_fails():
    process, out, err, calls = run()
    assert (process.returncode, out, err) == (0, SEALED, b""), (out, err)
    mounts = len(audit.mounts())
    assert len(calls) > 60
    names = [name_of(call) for call in calls]
    # Of the same call many times in a row (each capability, each folder) the first and the last. Sanitized, every fourth.
    chosen = [n for n in range(len(calls)) if not 0 < n < len(calls) - 1 or not names[n - 1] == names[n] == names[n + 1]]
    chosen = chosen[:: 4 if b"libasan" in services.BINARY.read_bytes() else 1]
    wrong, refused, survived = [], 0, []
    begin = time.monotonic()
    for number in chosen:
        process, out, err, seen = run(number)
        name = f"{number} {name_of(seen[number])}" if number < len(seen) else f"{number} (not reached)"
        if out == SEALED:
            survived.append(name)
        elif out == b"" and (process.returncode in (1, 125) and err or process.returncode in (121, 137)):
            refused += 1  # 121 and 137: the program's process, or its init, ended after it was ready
        else:
            wrong.append((name, process.returncode, out, err[-300:]))
        left = [pid for pid, stat in audit.tree(os.getpid()).items()
                if "hatchery" in stat[0] or audit.namespace(pid, "pid") not in (None, audit.namespace("self", "pid"))]
        for pid in left:
            if audit.stat_of(pid) and audit.stat_of(pid)[1] == "Z":
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            elif audit.stat_of(pid):
                wrong.append((name, "left", pid, audit.stat_of(pid)))
                os.kill(pid, signal.SIGKILL)
        if folders := audit.cgroup_folders(f"hatchery-{process.pid}"):
            wrong.append((name, "left", folders))
    print(f"{len(chosen)} of {len(calls)} calls; {refused} refused, {len(survived)} did without: {survived}; {time.monotonic() - begin:.1f} s")
    assert not wrong, wrong
    assert refused > len(survived)
    assert len(audit.mounts()) == mounts
