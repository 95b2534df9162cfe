"""What a service holds of the machine: processes, cgroups, mounts, descriptors, memory.

Everything here is read from /proc and /sys from outside, so it is true whatever the service says about itself.
"""

import os
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
