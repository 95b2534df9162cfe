"""What an attack is: a program, and what must come of it.

PRELUDE goes before the program (in one line, so that line numbers stay readable). In it:

  system(name, ...)   a raw system call, by its name or number; raises OSError
  say(name, call)     prints "NAME refused" or "NAME allowed", by the errno that the call gives
  refused({...})      say() for each
  unless(found)       prints "clean", or what was found
"""

import ctypes
import json
import re
from dataclasses import dataclass, field

import service as services

_seccomp = ctypes.CDLL("libseccomp.so.2")

PRELUDE = r"""
import ctypes, errno, os, sys
C = ctypes.CDLL(None, use_errno=True)
NUMBERS = {numbers}
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL,
           errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.ENXIO, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ESOCKTNOSUPPORT,
           errno.EBADF, errno.ENOTSOCK, errno.ETXTBSY, errno.ENOTDIR, errno.ELOOP, errno.ENOTTY, errno.EDOM, errno.EXDEV,
           errno.EBUSY, errno.EISDIR, errno.ECONNREFUSED, errno.EFAULT}
def system(number, *arguments):
    ctypes.set_errno(0)
    number = NUMBERS.get(number, number)
    result = C.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def say(name, call):
    try:
        call()
        print(name, "allowed")
    except OSError as e:
        print(name, "refused" if e.errno in REFUSED else f"odd {e}")
def refused(calls):
    for name, call in calls.items():
        say(name, call)
def unless(found):
    print("clean" if not found else f"found {found}")
"""

NEW = {"NEWNS": 0x20000, "NEWCGROUP": 0x2000000, "NEWUTS": 0x4000000, "NEWIPC": 0x8000000, "NEWUSER": 0x10000000,
       "NEWPID": 0x20000000, "NEWNET": 0x40000000, "NEWTIME": 0x80}


@dataclass
class Attack:
    """`output` is all of standard output, or a regular expression for all of it where it starts with ^. `status` is the
    status, or a set of them. `then` is a program that runs afterwards, `beside` one that runs at the same time, each with its
    own expected output. `fields` are further fields of the answer: values, or functions that judge them."""

    name: str
    code: str
    output: str = ""
    status: object = "ok"
    timeout: float = 10
    error: str | None = None
    fields: dict = field(default_factory=dict)
    prelude: bool = True
    then: str | None = None
    then_output: str = ""
    beside: str | None = None
    beside_output: str = ""

    def statuses(self):
        return self.status if isinstance(self.status, set) else {self.status}

    def source(self, code, **values):
        for name, value in values.items():
            code = code.replace("{" + name + "}", str(value))
        return (prelude(code) + code) if self.prelude else code


def prelude(code):
    names = set(re.findall(r"""['"]([a-z][a-z0-9_]+)['"]""", code))
    numbers = {name: number for name in names if (number := number_of(name)) >= 0}
    return PRELUDE.replace("{numbers}", repr(numbers))


def number_of(name):
    """The number of a system call on this machine; negative where there is none."""
    return _seccomp.seccomp_syscall_resolve_name(name.encode())


def refuses(*names):
    """The output of say() for names that must all be refused."""
    return "".join(f"{name} refused\n" for name in names)


def as_expected(expected, found):
    if expected.startswith("^"):
        return re.fullmatch(expected[1:], found, re.DOTALL) is not None
    return expected == found


def execute(target, code, timeout):
    """One request on a connection of its own, on which nothing but its one answer may come."""
    target.auditor.requests += 1
    with target.raw(services.post({"code": code, "timeout": timeout}), timeout=timeout + 60) as connection:
        status, _, body = connection.answer()
        assert status == 200 and not connection.buffer, (status, body, connection.buffer)
    answer = json.loads(body)
    target.schema.validate(answer)
    for stream in ("output", "error"):
        assert len((answer[stream] or "").encode()) < (1 << 20) * 3 + 4096, f"I6 {stream} is too long"
    return answer
