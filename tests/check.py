#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every suite and counts every case; the last line is "N passed, N failed".

A suite that cannot run where it could have run is a failure, never a pass. The only suite that may
be left out is the kernel lab, and only where namespaces are forbidden, which is said aloud.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ_SECONDS = 2
WAITING_LANES = 3
# What throws at us whatever a peer or a stranger could, where a byte that nobody wrote would be read: `make valgrind`.
ATTACKS = ("server_test_guesses", "server_test_hostile", "server_test_plain", "server_test_states", "rendezvous_test_client",
           "rendezvous_test_strangers", "plain_test_client", "meet_test_lying", "meet_test_fool",
           "transfer_test_harm", "tests/hostile/hostile_test_files", "tests/hostile/hostile_test_frames",
           "tests/hostile/hostile_test_takers", "tests/hostile/hostile_test_targets")
# Where more than one thread runs, the program's or the test's: `make tsan`.
THREADS = ("net_test_job", "net_test_post", "net_test_loop", "net_test_net", "transfer_test_readers", "transfer_test_transfer",
           "transfer_test_folders", "transfer_test_harm", "transfer_test_streams", "transfer_test_patience",
           "transfer_test_public", "transfer_test_scout", "service_test_conn", "service_test_service", "service_test_messages", "service_test_many",
           "cli_test_output", "server_test_guesses", "server_test_hostile", "server_test_relay", "server_test_server", "session_test_session",
           "room_test_room")
WATCHES = {
    "valgrind": ("valgrind", ATTACKS, ["-q", "--fair-sched=try", "--error-exitcode=9"]),
    "threads": (None, THREADS, []),
}
COUNT = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
FAILURE = re.compile(r"^(?:FAIL|not ok|.*(?:ERROR|SUMMARY): ).*", re.M)


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.left_out = []
        self.failures = []
        self.started = time.monotonic()
        self.lock = threading.Lock()

    def add(self, name, passed, failed, seconds, output):
        word = "ok  " if not failed else "FAIL"
        with self.lock:
            self.passed += passed
            self.failed += failed
            print(f"{word} {seconds:6.1f} s  {name}: {passed} passed, {failed} failed", flush=True)
            if failed:
                print(output.rstrip()[-12000:], flush=True)
                self.failures += [f"{name}: {line}" for line in FAILURE.findall(output)] or [f"{name}: see above"]

    def end(self):
        """What failed once more, for those who are shown no more than the end."""
        for line in self.failures[:50]:
            print(f"failed: {line[:1000]}")
        print(f"{time.monotonic() - self.started:.0f} s\n{self.passed} passed, {self.failed} failed")
        return int(self.failed > 0 or not self.passed)


def run(command, timeout, env=None):
    """Exit code, output and seconds; a command that hangs is ended and has failed, with all that it started. All are of
    one session: where the kernel shares the cores out between sessions first, what is idle in another one waits for no
    tick of its clock, and whoever sleeps and wakes often takes four times as long."""
    started = time.monotonic()
    if not pathlib.Path(ROOT, command[0]).exists():
        return 127, f"{command[0]} is not built\n", 0.0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
                                   process_group=0)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            code = -9
        out.seek(0)
        text = out.read().decode(errors="replace")
    if code == -9:
        text += f"\nended after {timeout} s without an end of its own\n"
    return code, text, time.monotonic() - started


def cmocka(tally, path, under=(), timeout=120):
    """A cmocka program prints TAP; a crash counts as one failure more."""
    code, text, seconds = run([*under, str(path)], timeout, {"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    passed = len(re.findall(r"^ok \d+", text, re.M))
    failed = len(re.findall(r"^not ok \d+", text, re.M))
    if not failed and (code != 0 or not passed):
        failed += 1
    tally.add(path.name, passed, failed, seconds, text)


def counted(tally, name, command, timeout, may_be_left_out=False):
    """A script that ends with "N passed, N failed"; exit 77 means it cannot run here."""
    code, text, seconds = run(command, timeout)
    if code == 77 and may_be_left_out:
        tally.left_out.append(name)
        print(f"LEFT OUT     {name}: {text.strip().splitlines()[-1] if text.strip() else 'no reason given'}")
        return
    found = COUNT.findall(text)
    passed, failed = map(int, found[-1]) if found else (0, 1)
    if not failed and (code != 0 or not passed):
        failed += 1
    tally.add(name, passed, failed, seconds, text)


def fuzz(tally, path, source):
    """The whole corpus, then a few seconds beyond it."""
    corpus = source.with_suffix(".corpus")
    with tempfile.TemporaryDirectory() as fresh:
        command = [str(path), "-verbosity=0", "-print_final_stats=0", "-timeout=10", "-rss_limit_mb=2048",
                   f"-max_total_time={FUZZ_SECONDS}", f"-artifact_prefix={fresh}/", fresh]
        if not corpus.is_dir() or not any(corpus.iterdir()):
            tally.add(path.name, 0, 1, 0, f"no seed corpus in {corpus}")
            return
        code, text, seconds = run(command + [str(corpus)], FUZZ_SECONDS + 60)
    tally.add(path.name, int(code == 0), int(code != 0), seconds, text)


def test_sources(module=None):
    """The sources of cmocka programs: one module's, or all, with those of the folders beside src."""
    for place in ("src/*", "lab", "tests/sim", "tests/conform", "tests/hostile"):
        for source in sorted(ROOT.glob(f"{place}/test_*.c")):
            is_shared = source.with_suffix(".h").exists()
            if not is_shared and module in (None, source.parent.name):
                yield source


def programs(module=None):
    """The cmocka programs, as targets of the build folder."""
    for source in test_sources(module):
        folder = source.parent.relative_to(ROOT) if source.parent.parent.name == "tests" else pathlib.Path()
        yield str(folder / f"{source.parent.name}_{source.stem}")


def is_there(module):
    """A module that does not exist, or has nothing to run, is said so."""
    if any(test_sources(module)):
        return True
    having = sorted({source.parent.name for source in test_sources()})
    why = "has no tests of its own" if (ROOT / "src" / module).is_dir() else "is no module"
    print(f"'{module}' {why}; M is one of: {' '.join(having)}")
    return False


def quick(tally, build, module):
    """What needs neither root nor a second build: side by side, as many as there are cores."""
    names = [n for n in programs(module) if module or not n.startswith(("tests/conform", "tests/hostile"))]
    made = subprocess.run(["ninja", "-C", build, *names, *([] if module else ["bodkin", "library"])], cwd=ROOT)
    if made.returncode:
        tally.add("build", 0, 1, 0, "")
        return
    jobs = [lambda n=name: cmocka(tally, ROOT / build / n) for name in names]
    if not module:
        jobs.append(lambda: counted(tally, "arch", [sys.executable, "tests/arch/run.py", build], 120))
    side_by_side(jobs)


def side_by_side(jobs, lanes=os.cpu_count()):
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def unit_suites(args, tally):
    """On the sanitizers' build; what measures a line in real time is left to run alone."""
    return [(name, lambda n=name: cmocka(tally, ROOT / args.asan / n)) for name in programs()
            if not name.startswith(("tests/conform", "tests/hostile"))]


def fuzz_suites(args, tally):
    for source in sorted(ROOT.glob("src/*/fuzz_*.c")):
        name = f"{source.parent.name}_{source.stem}"
        yield name, lambda s=source, n=name: fuzz(tally, ROOT / args.fuzz / n, s)


def script(tally, key, seconds, *words, name="", may_be_left_out=False):
    return key, lambda: counted(tally, name or key, [sys.executable, *words], seconds, may_be_left_out)


def lab_script(tally, key, name, seconds, *words):
    return script(tally, key, seconds, *words, name=f"lab ({name})", may_be_left_out=True)


def waiting_suites(args, tally):
    """What mostly waits for other programs, and measures nothing that a neighbour could spoil: the longest first."""
    bodkin = str(ROOT / args.build / "bodkin")

    for name in programs("hostile"):
        yield name, lambda n=name: cmocka(tally, ROOT / args.asan / n)
    yield script(tally, "rooms", 300, "tests/cli/test_rooms.py", bodkin)
    yield lab_script(tally, "names", "what NATs are called", 300, "tests/lab/nat.py", bodkin)
    yield script(tally, "devices", 300, "tests/cli/test_devices.py", bodkin)
    yield script(tally, "plain", 300, "tests/plain/test_plain.py", bodkin, name="plain dialect with independent programs")
    yield lab_script(tally, "plain-lab", "plain dialect", 400, "tests/lab/plain.py", bodkin)
    for build in (args.build, args.asan):
        yield script(tally, f"examples_{build}", 300, "tests/examples/test_examples.py", str(ROOT / build), name=f"examples ({build})")
    yield script(tally, "study", 120, "bench/study.py", args.build, "--check", name="study of a population")
    for key in ("cli", "streams", "trees", "masses", "resume", "copies", "daemon", "chat", "machine", "words", "questions", "unread"):
        yield script(tally, key, 300, f"tests/cli/test_{key}.py", bodkin)


def lone_suites(args, tally):
    """What has the machine for itself, because it measures, or uses all of it anyway."""
    bodkin = str(ROOT / args.build / "bodkin")

    for name in programs("conform"):
        yield name, lambda n=name: cmocka(tally, ROOT / args.asan / n)
    yield script(tally, "arch", 120, "tests/arch/run.py", args.build)
    yield script(tally, "format", 120, "tests/arch/format.py")
    yield script(tally, "install", 120, "tests/arch/install.py", args.build)
    yield lab_script(tally, "lab", "the laboratory itself", 300, "lab/test_lab.py", bodkin, "lab")
    yield lab_script(tally, "paths", "bodkin through kernel NATs", 600, "tests/lab/run.py", bodkin)
    yield lab_script(tally, "siege", "a server under attack", 120, "bench/siege.py", args.build, "--seconds", "1", "--check")


def idle_suites(args, tally):
    """What takes the moments that the others leave: the kernel gives it a core only while nobody else of this session
    wants one."""
    idle = [shutil.which("chrt") or "chrt", "--idle", "0", sys.executable]
    yield "tidy", lambda: counted(tally, "tidy", [*idle, "tests/arch/tidy.py", args.build], 1100)


def watched(tally, build, watch):
    """Suites of a kind, one after the other, each with somebody who looks closer and takes his time."""
    tool, names, options = WATCHES[watch]
    under = [shutil.which(tool) or tool, *options] if tool else []
    for name in names:
        cmocka(tally, ROOT / build / name, under, 900)


def everything(args, tally):
    def wanted(suites):
        return [job for name, job in suites if not args.only or args.only in name]

    side_by_side(wanted(unit_suites(args, tally)))
    side_by_side(wanted(fuzz_suites(args, tally)))
    with concurrent.futures.ThreadPoolExecutor(1) as behind:
        idle = [behind.submit(job) for job in wanted(idle_suites(args, tally))]
        side_by_side(wanted(waiting_suites(args, tally)), WAITING_LANES)
        for job in wanted(lone_suites(args, tally)):
            job()
        for done in idle:
            done.result()
    if tally.left_out:
        print("left out, because namespaces are forbidden here: " + ", ".join(tally.left_out))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--quick", action="store_true", help="unit tests, simulator and arch, on the plain build")
    args.add_argument("--module", help="with --quick: this module's tests alone")
    args.add_argument("--watch", choices=WATCHES, help="these suites alone: under valgrind, or those with threads")
    args.add_argument("--build", default="build")
    args.add_argument("--asan", default="build-asan")
    args.add_argument("--fuzz", default="build-fuzz")
    args.add_argument("--only", help="suites whose name contains this")
    args = args.parse_args()
    tally = Tally()
    if args.quick and args.module and not is_there(args.module):
        return 2
    if args.watch:
        watched(tally, args.build, args.watch)
    elif args.quick:
        quick(tally, args.build, args.module)
    else:
        everything(args, tally)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
