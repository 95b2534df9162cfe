"""What a service holds of the machine: processes, cgroups, mounts, descriptors, memory.

Everything here is read from /proc and /sys from outside, so it is true whatever the service says about itself.
"""

import hashlib
import os
import time
from collections import Counter
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")


def stat_of(pid):
    """(name, state, parent) of a process, or None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    rest = text[text.rindex(")") + 2 :].split()
    return name, rest[0], int(rest[1])


def processes():
    """{pid: (name, state, parent)} of the whole machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = stat_of(entry)
            if stat:
                found[int(entry)] = stat
    return found


def tree(root):
    """{pid: (name, state, parent)} of a process and everything below it."""
    everything = processes()
    below = {}
    for pid, stat in everything.items():
        below.setdefault(stat[2], []).append(pid)
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        if pid in everything and pid not in found:
            found[pid] = everything[pid]
            todo += below.get(pid, [])
    return found


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def descriptors(pid):
    """{descriptor: what it is} of a process."""
    found = {}
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[int(entry)] = os.readlink(f"/proc/{pid}/fd/{entry}")
            except OSError:
                pass
    except OSError:
        pass
    return found


def mounts(pid="self"):
    """The mount points that a process sees, in order."""
    try:
        return [line.split()[4] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    except OSError:
        return []


def resident(pid):
    """Resident memory in bytes, without what is shared with the page cache; 0 when the process is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cgroup_folders(word="hatchery"):
    """Every cgroup whose path has the word in it, in all hierarchies, v1 and v2."""
    found = set()
    for folder, names, _ in os.walk(CGROUP_ROOT):
        if word in folder:
            found.add(folder)
    return found


def cgroups_of(pid):
    """The cgroup folders that a process is in."""
    found = set()
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if path != "/":
            found.add(f"{controllers}:{path}")
    return found


def kernel_uids(pid):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Uid:"):
                return [int(word) for word in line.split()[1:]]
    except OSError:
        pass
    return []


def pid_namespaces(pid):
    """How many pid namespaces deep a process is, seen from here."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split()) - 1
    except OSError:
        pass
    return 0


def cpu_ticks(pid):
    """Clock ticks of processor time that a process has used; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[11]) + int(fields[12])


def namespace(pid, kind):
    """The name of a namespace of a process, such as "pid:[4026531836]"; None when the process is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def sandboxes_below(root, orphans_of=None):
    """{pid namespace: {pid: kernel user id}} of the sandboxes below a process, and of those whose parent has died and whom
    `orphans_of` has adopted."""
    host = namespace("self", "pid")
    found = {}
    pids = set(tree(root))
    pids |= {pid for pid, (_, _, parent) in processes().items() if parent == orphans_of}
    for pid in pids:
        inside = namespace(pid, "pid")
        if inside and inside != host:
            uids = kernel_uids(pid)
            if uids:
                found.setdefault(inside, {})[pid] = uids[0]
    return found


def in_use(sandboxes):
    """Those in which anything is but an init that waits for the next program."""
    return {inside: box for inside, box in sandboxes.items() if any((stat_of(pid) or ("",))[0] != "init" for pid in box)}


def cgroup_memory(folders):
    """Bytes that nobody can reclaim, anonymous and shared memory, charged to the topmost of the cgroup folders."""
    for folder in sorted(folders, key=len):
        try:
            lines = dict(line.split() for line in (Path(folder) / "memory.stat").read_text().splitlines())
        except OSError:
            continue
        return sum(int(lines.get(key, 0)) for key in (("total_rss", "total_shmem") if "total_rss" in lines else ("anon", "shmem")))
    return 0


def digest(path):
    """The hash of a file as every process on the machine sees it: through the page cache."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def shared_files(zygote):
    """Files that every run of a zygote has mapped or reads, and none may change."""
    mapped = {line.split()[-1] for line in Path(f"/proc/{zygote}/maps").read_text().splitlines() if "/" in line}
    names = [p for p in mapped if p.startswith("/usr/") and ("/libc" in p or "/python3" in p or "/ld-" in p)]
    root = Path(f"/proc/{zygote}/root")
    names += [str(p) for pattern in ("usr/lib/python3*/os.py", "usr/bin/env", "etc/passwd") for p in root.glob(pattern)]
    return ["/etc/passwd", *sorted(names)]


class Auditor:
    """Looks at a service from outside, with root's rights, and says what is not as it was: the invariants of every attack.

    I1 the service is well: a canary run answers exact bytes       I6 answers fit their schema, sizes are within the caps
    I2 no process of a run, and nothing in its cgroup, is left     I7 files that all runs share are unchanged, no core files
    I3 mounts are as before                                        I8 no slot is lost, no id belongs to two sandboxes
    I4 descriptors are as before                                   I9 one answer for each request, and one end for each run
    I5 memory is as before
    """

    MEBIBYTE = 1 << 20
    SLOT_DESCRIPTORS = 24  # at most, for each slot that is used for the first time

    def __init__(self, service):
        self.service = service
        service.exercise(clients=16)
        service.canary()
        service.settled_holdings()
        broker = service.broker or service.process.pid
        self.log_start = service.log.stat().st_size
        self.requests = 0
        self.roles = service.role_pids()
        self.sanitized = any("libasan" in line for line in Path(f"/proc/{broker}/maps").read_text().splitlines())
        self.watched = shared_files(self.roles["zygote"][0])
        self.digests = {path: digest(path) for path in self.watched}
        self.cores = self.core_files()
        self.before = self.look()
        self.told = Counter()  # by cases before this one: each fails for its own events alone

    def core_files(self):
        return {p for folder in ("/", str(self.service.folder)) for p in os.listdir(folder) if p.startswith("core")}

    def look(self):
        service = self.service
        folders = service.cgroups()
        sandboxes = sandboxes_below(service.process.pid, orphans_of=os.getpid())
        return {
            "sandboxes": sandboxes,
            "in use": in_use(sandboxes),
            "cgroups": folders,
            "members": {int(p) for f in folders for p in _members(f)},
            "mounts": {role: [len(mounts(p)) for p in pids] for role, pids in self.roles.items()} | {"host": len(mounts())},
            "descriptors": {role: sum(len(descriptors(p)) for p in pids) for role, pids in self.roles.items()},
            "memory": {role: sum(resident(p) for p in pids) for role, pids in self.roles.items()},
            "charged": cgroup_memory(folders),
            "said": self.said(),
        }

    def said(self):
        """How often the log has told of each event since the start."""
        with open(self.service.log, "rb") as log:
            log.seek(self.log_start)
            words = [line.split() for line in log.read().decode(errors="replace").splitlines()]
        return Counter(word[3] for word in words if len(word) > 3)

    def differences(self):
        """What is not as it was; empty when all is well. May be so only for a moment, while a sandbox is made or cleared."""
        before, now, wrong = self.before, self.look(), []
        boxes, usual = now["in use"], before["in use"]
        roles = self.service.role_pids()
        if len(roles.pop("learned", [])) > 4:
            wrong.append("I1 more interpreters with learned modules than there may be")
        if roles != {role: pids for role, pids in self.roles.items() if role != "learned"}:
            wrong.append(f"I1 processes of the service were replaced: {self.roles} -> {roles}")
        if len(boxes) != len(usual) or max(map(len, boxes.values()), default=0) > max(map(len, usual.values()), default=0):
            wrong.append(f"I2 sandboxes: {usual} -> {boxes}")
        if not now["members"] <= {pid for box in boxes.values() for pid in box}:
            wrong.append(f"I2 processes in cgroups that are in no sandbox: {now['members']}")
        if now["mounts"] != before["mounts"]:
            wrong.append(f"I3 mounts: {before['mounts']} -> {now['mounts']}")
        hierarchies = len({folder.split("/hatchery-")[0] for folder in now["cgroups"]}) or 1
        new_slots = max(0, len(now["cgroups"]) - len(before["cgroups"])) // hierarchies
        new_nests = max(0, len(now["sandboxes"]) - len(before["sandboxes"]))
        for role, count in now["descriptors"].items():
            if count > before["descriptors"][role] + self.SLOT_DESCRIPTORS * new_slots + new_nests:
                wrong.append(f"I4 descriptors of {role}: {before['descriptors'][role]} -> {count}")
        for role, size in now["memory"].items():
            if size > before["memory"][role] + (96 if self.sanitized else 8) * self.MEBIBYTE:
                wrong.append(f"I5 memory of {role}: {before['memory'][role]} -> {size}")
        if now["charged"] > before["charged"] + 32 * self.MEBIBYTE:
            wrong.append(f"I5 memory charged: {before['charged']} -> {now['charged']}")
        owners = Counter(uid for box in now["sandboxes"].values() for uid in set(box.values()))  # nests that wait have ids, too
        if any(count > 1 for count in owners.values()) or 0 in owners:
            wrong.append(f"I8 ids: {boxes}")
        for event in ("sandbox.failed", "sandbox.quarantined", "environment.lost", "environment.failed", "front.failed", "cgroup.stays"):
            if now["said"][event] > self.told[event]:
                wrong.append(f"I8 the log tells of {event}")
        if now["said"]["run.ended"] != self.requests:
            wrong.append(f"I9 requests: {self.requests}, ends: {now['said']['run.ended']}")
        return wrong

    def check(self, seconds=30):
        """All is as it was before, at the latest after `seconds`; and what must hold at once holds."""
        for path in self.watched:
            assert digest(path) == self.digests[path], f"I7 {path} has changed"
        assert self.core_files() == self.cores, "I7 core files"
        deadline = time.monotonic() + seconds
        try:
            while wrong := self.differences():
                assert time.monotonic() < deadline, "\n".join(wrong)
                time.sleep(0.02)
        finally:
            self.told = self.said()


def _members(folder):
    try:
        return (Path(folder) / "cgroup.procs").read_text().split()
    except OSError:
        return []
