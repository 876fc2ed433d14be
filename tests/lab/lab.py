# SPDX-License-Identifier: Apache-2.0
"""Raises laboratories and runs bodkin in them. Every wait here is for an event (a line of JSON, the end of a
process) and has a ceiling; nothing sleeps and hopes.
"""
import collections
import contextlib
import filecmp
import itertools
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

SERVER, SERVER_443, SERVER_2, SERVER_6 = "45.10.20.1:15005", "45.10.20.1:443", "45.10.20.2", "[2001:db8:5::1]:15005"
PATIENCE = 20  # seconds, for whatever has no ceiling of its own
NUMBERS = itertools.count(1)


class Failure(Exception):
    """What was claimed is not so. The text says what was seen instead."""


def check(claim, text):
    if not claim:
        raise Failure(text)


class Program:
    """One running bodkin: its JSON events as they come, with the moment each came. Of a program of others: its lines."""

    def __init__(self, words, env=None, speaks=False):
        """speaks: `say` becomes its standard input."""
        self.words = [str(w) for w in words]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE if speaks else subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=env)
        self.started = time.monotonic()
        self.ended = None
        self.events, self.times = [], []
        self.lines = collections.deque()  # that are no events
        self.over = False
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = self._event(line.decode(errors="replace"))
            with self.news:
                self.events.append(event)
                self.times.append(time.monotonic())
                self.news.notify_all()
        with self.news:
            self.over = True
            self.news.notify_all()

    def _event(self, line):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                return event
        with self.news:
            self.lines.append(line.strip())
        return {"event": "not JSON", "line": line}

    def next_line(self, seconds=PATIENCE):
        """The next one that is no event; "": none comes in that time."""
        with self.news:
            self.news.wait_for(lambda: self.lines or self.over, seconds)
            return self.lines.popleft() if self.lines else ""

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def hush(self):
        """No more is said."""
        self.process.stdin.close()

    def wait_for(self, name, when=lambda event: True, seconds=PATIENCE):
        """The first event of that name that the condition likes; Failure when the program ends before."""
        end = time.monotonic() + seconds
        seen = 0
        with self.news:
            while True:
                for event in self.events[seen:]:
                    if event["event"] == name and when(event):
                        return event
                seen = len(self.events)
                if self.over or not self.news.wait(end - time.monotonic()) and time.monotonic() >= end:
                    break
        raise Failure(f"no '{name}' event within {seconds} s\n{self.story()}")

    def is_over(self, seconds=PATIENCE):
        """Whether it ends in that time."""
        if self.process.returncode is None:
            fd = os.pidfd_open(self.process.pid)
            ready = select.select([fd], [], [], seconds)[0]
            self.ended = time.monotonic()
            os.close(fd)
            if not ready:
                return False
            self.process.wait()
        self.reader.join(seconds)
        return True

    def wait(self, seconds=PATIENCE):
        """The exit code; -N for a signal."""
        if not self.is_over(seconds):
            raise Failure(f"still running after {seconds} s\n{self.story()}")
        return self.process.returncode

    def all(self, name):
        return [e for e in self.events if e["event"] == name]

    def last(self, name):
        return (self.all(name) or [{}])[-1]

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return time.monotonic()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(PATIENCE)
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def said(self):
        """Sentences so far: standard error, and what is waited for."""
        waits = [e["text"] for e in self.all("waiting")]
        return "\n".join([os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")] + waits)

    def wait_said(self, words, seconds=PATIENCE):
        """Until it has said so."""
        until = time.monotonic() + seconds
        while words not in self.said():
            check(time.monotonic() < until, f"never said '{words}'\n{self.story()}")
            time.sleep(0.02)

    def story(self):
        """For the one who has to find out."""
        lines = ["  $ " + " ".join(self.words[-9:]) + f"    -> {self.process.poll()}"]
        shown = [e for e in self.events if e["event"] != "progress"]
        lines += ["    " + json.dumps(e) for e in shown]
        lines += ["    ! " + line for line in self.said().splitlines()[-40:]]
        return "\n".join(lines)


def finished(names):
    """Those that are neither parts nor the journal by which a second run goes on with them."""
    return sorted(n for n in names if not n.endswith(".part") and not re.fullmatch(r"\.bodkin-[0-9a-f]{16}\.journal", n))


class Transfer:
    """A file from a to b, both programs started."""

    def __init__(self, lab, path, sender, receiver, folder):
        self.lab, self.path, self.sender, self.receiver, self.folder = lab, path, sender, receiver, folder

    def finish(self, seconds=PATIENCE):
        """Waits for both ends; their exit codes."""
        for program in (self.sender, self.receiver):
            if not program.is_over(seconds):
                raise Failure(f"still running after {seconds} s\n{self.story()}")
        return self.sender.wait(seconds), self.receiver.wait(seconds)

    def arrived(self):
        """The names in the receiver's folder that are not of unfinished files."""
        return finished(os.listdir(self.folder))

    def check_done(self):
        """Everything that every successful transfer has to show."""
        story = self.story
        codes = self.finish()
        check(codes == (0, 0), f"exit codes {codes[0]} (send), {codes[1]} (recv)\n{story()}")
        digests = {p.last("done").get("digest") for p in (self.sender, self.receiver)}
        check(len(digests) == 1 and None not in digests, f"digests differ: {digests}\n{story()}")
        check(filecmp.cmp(self.path, self.folder / self.path.name, shallow=False), f"the files differ\n{story()}")
        check(self.arrived() == os.listdir(self.folder) == [self.path.name], f"left behind: {os.listdir(self.folder)}")
        kinds = {p.last("path").get("kind") for p in (self.sender, self.receiver)}
        check(len(kinds) == 1, f"the two sides disagree about the path: {kinds}\n{story()}")
        return kinds.pop()

    def elapsed(self):
        """elapsed_ms as the sender and as the receiver saw it."""
        return self.sender.last("path")["elapsed_ms"], self.receiver.last("path")["elapsed_ms"]

    def story(self):
        log = self.lab.server.said().splitlines()[-12:] if self.lab.server else []
        return "\n".join([self.sender.story(), self.receiver.story()] + ["    server: " + line for line in log])


class Lab:
    """One laboratory with its own name and folder, taken down with all that runs in it."""

    def __init__(self, bodkin, a, b, *shape, user=()):
        """user: words in front of every command, to be somebody else."""
        self.bodkin, self.types, self.shape, self.user = str(bodkin), (a, b), [str(s) for s in shape], list(user)
        self.name = f"test-{os.getpid()}-{next(NUMBERS)}"
        self.server = None
        self.programs = []

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="bodkin-lab-", dir=scratch(), ignore_cleanup_errors=True)
        self.top = pathlib.Path(self.temporary.name)
        self.state_home = self.top / "state"
        for folder in (self.top, self.state_home, self.top / "labs"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777 if self.user else 0o700)
        if self.user:
            # The build tree may be closed to that user.
            copy = self.top / "bodkin"
            copy.write_bytes(pathlib.Path(self.bodkin).read_bytes())
            copy.chmod(0o755)
            self.bodkin = str(copy)
            (self.top / "labs").rmdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("BODKIN_", "XDG_"))}
        self.env |= {"HOME": str(self.top), "XDG_STATE_HOME": str(self.state_home),
                     "BODKIN_LAB_DIR": str(self.top / "labs"), "BODKIN_LAB_NAME": self.name}
        try:
            done = self.command("up", *self.types, *self.shape)
            check(done.returncode == 0, f"cannot raise the lab: {done.stderr.strip()}")
        except BaseException:
            self.temporary.cleanup()
            raise
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.end()
        done = self.command("down")
        self.temporary.cleanup()
        check(done.returncode == 0, f"cannot take the lab down: {done.stderr.strip()}")

    def command(self, *words):
        return subprocess.run([*self.user, self.bodkin, "lab", *words], env=self.env, capture_output=True,
                              text=True, timeout=PATIENCE)

    def run(self, node, *words, env=None, speaks=False):
        """Any command in a node, as a Program."""
        program = Program([*self.user, self.bodkin, "lab", "exec", node, *words], {**self.env, **(env or {})}, speaks)
        self.programs.append(program)
        return program

    def counters(self, router):
        """{name: packets} of the named counters that this router has, whoever put them there."""
        done = self.command("exec", router, "nft", "-j", "list", "counters")
        check(done.returncode == 0, done.stderr)
        found = [c["counter"] for c in json.loads(done.stdout)["nftables"] if "counter" in c]
        return {c["name"]: c["packets"] for c in found}

    def counted(self, router, table):
        """Packets of those without a name, in the order of that table's rules."""
        done = self.command("exec", router, "nft", "list", "table", "ip", table)
        check(done.returncode == 0, done.stderr)
        return [int(n) for n in re.findall(r"counter packets (\d+)", done.stdout)]

    def start_server(self, *options):
        if self.server:
            self.server.kill(signal.SIGTERM)
            check(self.server.wait() == 0, f"the server did not stop cleanly\n{self.server.story()}")
        self.server = self.run("s", self.bodkin, "serve", "--json", *options)
        self.pin = self.server.wait_for("listening")["pin"]
        self.place = f"{SERVER}#{self.pin}"

    def send(self, *words, node="a", place=None, before=()):
        return self.run(node, *before, self.bodkin, "send", "-s", place or self.place, "--json", "-vv", *words)

    def recv(self, *words, node="b", place=None, before=()):
        return self.run(node, *before, self.bodkin, "recv", "-s", place or self.place, "--json", "-vv", *words)

    def folder(self, name):
        path = self.top / f"{name}-{next(NUMBERS)}"
        path.mkdir()
        if self.user:
            path.chmod(0o777)
        return path

    def file(self, size):
        """A new file of random bytes."""
        path = self.top / f"file-{next(NUMBERS)}.bin"
        with open(path, "wb") as f:
            while size > 0:
                size -= f.write(os.urandom(min(size, 1 << 20)))
        return path

    def transfer(self, path, send=(), recv=(), place=None):
        """Starts it: the sender makes the code, the receiver comes with it."""
        folder = self.folder("received")
        sender = self.send(path, *send, place=place)
        code = sender.wait_for("code")["code"]
        receiver = self.recv(code, "-o", folder, *recv, place=place)
        return Transfer(self, path, sender, receiver, folder)

    def transfer_back(self, path):
        """The same with the code made by the receiver and taken by the sender."""
        folder = self.folder("received")
        receiver = self.recv("-o", folder)
        code = receiver.wait_for("code")["code"]
        return Transfer(self, path, self.send(path, "--code", code), receiver, folder)


def scratch():
    """Memory rather than a disk that others keep busy, where there is enough of it."""
    try:
        fs = os.statvfs("/dev/shm")
        if os.access("/dev/shm", os.W_OK) and fs.f_bavail * fs.f_frsize > 128 << 20:
            return "/dev/shm"
    except OSError:
        pass
    return None


def probe(bodkin):
    """None where labs can be raised, else why not. Any other trouble is a Failure."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([bodkin, "lab", "probe"], env={**os.environ, "BODKIN_LAB_DIR": folder},
                              capture_output=True, text=True, timeout=PATIENCE)
    check(done.returncode in (0, 3), f"lab probe: exit {done.returncode}: {done.stderr.strip()}")
    return None if done.returncode == 0 else done.stderr.strip() or "lab probe gives no reason"
