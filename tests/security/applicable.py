"""Which attacks cannot run on this machine: those of not_applicable.toml whose needs it lacks."""

import platform
import tomllib
from pathlib import Path

import audit

LISTED = Path(__file__).with_name("not_applicable.toml")


def lacks(needs):
    """Why this machine does not have what `needs` names; None when it has it."""
    word, _, value = needs.partition(" ")
    release = tuple(int(n) for n in platform.release().split("-")[0].split(".")[:2])
    has = {
        "machine": lambda: platform.machine() == value,
        "kernel": lambda: release >= tuple(int(n) for n in value.split(".")),
        "cgroup": lambda: ("v2" if (audit.CGROUP_ROOT / "cgroup.controllers").exists() else "v1") == value,
        "processor": lambda: "QEMU TCG" not in Path("/proc/cpuinfo").read_text(),
        "never": lambda: False,
    }
    return None if has[word]() else needs


def not_applicable():
    """The entries of the list that hold here: {"case", "needs", "why"}."""
    return [entry for entry in tomllib.loads(LISTED.read_text())["not_applicable"] if lacks(entry["needs"])]
