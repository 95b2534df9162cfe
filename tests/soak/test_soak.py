"""A long day of the service: ordinary programs and attacks at 70 % of what it can do, while its processes are killed at random.

Every answer is right, or there is none because the process that had the run was killed at that moment. At each stop the
invariants are looked at from outside. What was measured over time becomes a table and a chart.

HATCHERY_SOAK_TIME    seconds (60)
HATCHERY_SOAK_FOLDER  where soak.json and soak.svg go (a temporary folder)
HATCHERY_SOAK_SEED    what happens when; printed, so that a run can be repeated (the time)
"""

import json
import os
import queue
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

import audit
import service as services
from chart import draw

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "security"))
from applicable import not_applicable  # noqa: E402
from cases import ATTACKS  # noqa: E402

TIME = float(os.environ.get("HATCHERY_SOAK_TIME", "60"))
SEED = int(os.environ.get("HATCHERY_SOAK_SEED", time.time()))
SANITIZED = services.BINARY.exists() and b"__asan_init" in services.BINARY.read_bytes()
WORKERS = 24
SHARE = 0.7  # of what the service can do
ATTACKS_AT_ONCE = 2
POOL, CONCURRENCY = 4, 4
SLOTS = CONCURRENCY + 2 * POOL
GROWTH = (256 if SANITIZED else 16) << 20  # bytes that all the lasting processes may have grown by
DISTURBED = 3.0  # seconds after a kill in which a run may be without its answer: what was under way, and the way back

# (weight, code, timeout, status, output)
ORDINARY = [
    (50, "print('hello')", 20, "ok", "hello\n"),
    (15, "print(sum(n * n for n in range(2000)))", 20, "ok", "2664667000\n"),
    (10, "import json, re, datetime\nprint(json.dumps({'a': re.findall('b+', 'abbab')}))", 20, "ok", '{"a": ["bb", "b"]}\n'),
    (8, "for n in range(20): open(f'/tmp/{n}', 'w').write('x' * 1000)\nprint('written')", 20, "ok", "written\n"),
    (6, "import sys\nprint('out'); sys.exit(3)", 20, "error", "out\n"),
    (5, "print(1 / 0)", 20, "error", ""),
    (3, "import subprocess\nprint(subprocess.run(['echo', 'x'], capture_output=True).stdout)", 20, "ok", "b'x\\n'\n"),
    (2, "import time\ntime.sleep(9)", 0.3, "timeout", ""),
    (1, "import os; os.abort()", 20, "signal", ""),
]


class Soak:
    def __init__(self, service):
        self.service = service
        self.random = random.Random(SEED)
        self.jobs = queue.Queue()
        self.lock = threading.Lock()
        self.counts = Counter()
        self.wrong = []
        self.latencies = []  # of hello since the last sample
        self.samples = []
        self.kills = []  # (when, role, seconds until it was well again)
        self.disturbed_until = 0.0
        self.attacks = threading.Semaphore(ATTACKS_AT_ONCE)
        self.began = time.monotonic()
        refused = {entry["case"] for entry in not_applicable()}
        self.programs = [attack for attack in ATTACKS if attack.name not in refused and attack.beside is None]

    # --- what clients do ------------------------------------------------------------------------------------

    def work(self):
        with httpx.Client(timeout=90, trust_env=False) as connection:
            while (job := self.jobs.get()) is not None:
                try:
                    job(connection)
                finally:
                    self.jobs.task_done()

    def ask(self, connection, code, timeout):
        """The answer, or None where the service was disturbed; anything else but an answer is wrong."""
        began = time.monotonic()
        failed = None
        try:
            answer = connection.post(self.service.url + "/execute", json={"code": code, "timeout": timeout})
            if answer.status_code == 200:
                return answer.json(), began
            failed = f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            failed = repr(error)
        with self.lock:
            if began <= self.disturbed_until:
                self.counts["lost to a kill"] += 1
            else:
                self.wrong.append(failed)
        return None, began

    def ordinary(self, connection):
        _, code, timeout, status, output = self.random.choices(ORDINARY, [entry[0] for entry in ORDINARY])[0]
        answer, began = self.ask(connection, code, timeout)
        if answer is None:
            return
        with self.lock:
            self.counts["ordinary"] += 1
            if code == ORDINARY[0][1]:
                self.latencies.append(time.monotonic() - began)
            if (answer["status"], answer["output"]) != (status, output) and not (began <= self.disturbed_until and answer["status"] != "ok"):
                self.wrong.append(f"{code!r}: {answer}")

    def attack(self, connection):
        if not self.attacks.acquire(blocking=False):
            return self.ordinary(connection)
        try:
            chosen = self.random.choice(self.programs)
            values = {"port": self.service.port, "shared": []}
            answer, began = self.ask(connection, chosen.source(chosen.code, **values), min(chosen.timeout, 2))
        finally:
            self.attacks.release()
        if answer is not None:
            with self.lock:
                self.counts["attacks"] += 1
                # Shorter than in the attack suite: what was not ready in time is no failure here.
                if answer["status"] not in chosen.statuses() | {"timeout", "cpu_limit"} and began > self.disturbed_until:
                    self.wrong.append(f"{chosen.name}: {answer}")
        return None

    def capacity(self, seconds=4.0):
        """Answers in a second when every worker asks as fast as it can."""
        end, before = time.monotonic() + seconds, self.counts["ordinary"]
        while time.monotonic() < end:
            if self.jobs.qsize() < WORKERS:
                self.jobs.put(self.ordinary)
            else:
                time.sleep(0.001)
        self.jobs.join()
        return (self.counts["ordinary"] - before) / seconds

    # --- what happens to the service -------------------------------------------------------------------------

    def disturb(self):
        """Kills one process of the service, and waits until it is well again."""
        roles = self.service.role_pids()
        role = self.random.choice([name for name in ("front", "zygote", "incubator") if name in roles])
        pid = self.random.choice(roles[role])
        began = time.monotonic()
        with self.lock:
            self.disturbed_until = began + 60
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # a rotation was faster
        services.wait_for(self.is_well, 20, f"a service that is well after the death of its {role}")
        took = time.monotonic() - began
        with self.lock:
            self.disturbed_until = max(time.monotonic(), began) + DISTURBED
            self.kills.append((began - self.began, role, took))

    def is_well(self):
        try:
            answer = httpx.post(self.service.url + "/execute", json={"code": "print(6 * 7)", "timeout": 20}, timeout=30, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["output"] == "42\n"

    # --- what is looked at -----------------------------------------------------------------------------------

    def sample(self):
        roles = self.service.role_pids()
        with self.lock:
            latencies, self.latencies = sorted(self.latencies), []
        pids = [pid for found in roles.values() for pid in found]
        self.samples.append({
            "time": time.monotonic() - self.began,
            "memory": sum(audit.resident(pid) for pid in pids),
            "descriptors": sum(len(audit.descriptors(pid)) for pid in pids),
            "cgroups": len(self.service.cgroups()),
            "p50": latencies[len(latencies) // 2] if latencies else None,
            "p99": latencies[len(latencies) * 99 // 100] if latencies else None,
            "answers": self.counts["ordinary"] + self.counts["attacks"],
        })

    def look(self):
        """The invariants, with nothing under way."""
        now = self.service.settled_holdings()
        hierarchies = len({folder.split("/hatchery-")[0] for folder in self.service.cgroups()})
        assert now["processes"] <= self.before["processes"] and now["nests"] <= SLOTS, (self.before, now)
        assert now["cgroups"] <= hierarchies * (1 + SLOTS), (self.before, now)
        own = set(now["mounts"]) - {"supervisor", "broker"}  # theirs are the machine's, and others mount there in an hour
        assert all(now["mounts"][role] == self.before["mounts"][role] for role in own), (self.before, now)
        log = self.service.log_text()
        for event in ("sandbox.quarantined", "cgroup.stays", "Sanitizer"):
            assert event not in log, f"{event}\n{self.service.log_tail(40)}"
        assert self.digests() == self.shared, "a file that all runs share has changed"
        self.service.canary()

    def digests(self):
        """By name: the folder below /proc is another zygote's by now."""
        zygote = self.service.role_pids()["zygote"][0]
        return {name.partition("/root/")[2] or name: audit.digest(name) for name in audit.shared_files(zygote)}

    def cycle(self, seconds, rate):
        """Load for so long, a kill somewhere in it, and then a look."""
        start = time.monotonic()
        kill_at = start + self.random.uniform(0.2, 0.7) * seconds
        due, next_sample, killer = start, start + 2, None
        while (now := time.monotonic()) < start + seconds:
            while due <= now:
                if self.jobs.qsize() < 4 * WORKERS:
                    self.jobs.put(self.attack if self.random.random() < 0.1 else self.ordinary)
                due += 1 / rate
            if killer is None and now >= kill_at:
                killer = threading.Thread(target=self.disturb)
                killer.start()
            if now >= next_sample:
                self.sample()
                next_sample += 2
            time.sleep(0.001)
        self.jobs.join()
        if killer is not None:
            killer.join()
        self.look()

    def run(self):
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        self.service.exercise()
        rate = SHARE * self.capacity()
        self.before = self.service.settled_holdings()
        self.shared = self.digests()
        self.sample()
        self.latencies.clear()
        self.first = self.samples[-1]["memory"]
        print(f"seed {SEED}; {rate:.0f} requests a second for {TIME:.0f} s")
        end = time.monotonic() + TIME
        while (left := end - time.monotonic()) > 1:
            self.cycle(min(60.0, max(10.0, TIME / 6), left), rate)
        for _ in threads:
            self.jobs.put(None)
        for thread in threads:
            thread.join(90)

    def tell(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        series = [
            ("hello, p50", "ms", [(s["time"], s["p50"] * 1e3) for s in self.samples if s["p50"]]),
            ("hello, p99", "ms", [(s["time"], s["p99"] * 1e3) for s in self.samples if s["p99"]]),
            ("memory", "MiB", [(s["time"], s["memory"] / (1 << 20)) for s in self.samples]),
            ("descriptors", "", [(s["time"], s["descriptors"]) for s in self.samples]),
            ("cgroups", "", [(s["time"], s["cgroups"]) for s in self.samples]),
        ]
        hours = (self.samples[-1]["time"] - self.samples[0]["time"]) / 3600 or 1
        (folder / "soak.svg").write_text(draw(f"{self.counts['ordinary'] + self.counts['attacks']} runs, {len(self.kills)} kills (dotted)", series,
                                              [when for when, _, _ in self.kills]))
        quarter = max(1, len(self.samples) // 4)
        p99 = [statistics.median(s["p99"] for s in part if s["p99"]) for part in (self.samples[1 : 1 + quarter], self.samples[-quarter:])]
        figures = {
            "seconds": round(hours * 3600), "answers": dict(self.counts), "wrong": len(self.wrong),
            "kills": {role: {"count": len(took), "median": statistics.median(took), "worst": max(took)}
                      for role in ("front", "zygote", "incubator") if (took := [t for _, r, t in self.kills if r == role])},
            "p99 of the last quarter against the first": p99[1] / p99[0],
            "memory, MiB": {"first": self.first / (1 << 20), "last": self.samples[-1]["memory"] / (1 << 20)},
        }
        (folder / "soak.json").write_text(json.dumps({"figures": figures, "samples": self.samples, "kills": self.kills}, indent=1))
        print(json.dumps(figures, indent=1))


@pytest.mark.timeout(TIME * 2 + 600)
def test_soak(make_service, tmp_path):
    service = make_service(pool=POOL, pool_max=POOL, concurrency=CONCURRENCY, log_level="warn")
    soak = Soak(service)
    soak.run()
    soak.tell(Path(os.environ.get("HATCHERY_SOAK_FOLDER", tmp_path)))
    assert soak.wrong == [], "\n".join(soak.wrong[:5])
    assert soak.counts["ordinary"] > TIME, "a service that answers"
    assert soak.counts["attacks"] > 0 and soak.kills
    soak.sample()
    assert soak.samples[-1]["memory"] - soak.first <= GROWTH, [s["memory"] >> 20 for s in soak.samples]
