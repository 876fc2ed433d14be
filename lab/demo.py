#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's demonstration: a file crosses two NATs over a punched connection, all on this machine.

Raises the NAT laboratory with two port-restricted NATs and 20 ms of delay each way, starts a server in its
internet, sends 100 MB from a to b, tells what happened, and takes everything down. Where namespaces
are forbidden it says so and shows the same transfer over loopback.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

BODKIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/bodkin")
SIZE = 100_000_000
PATIENCE = 120
LAB = f"demo-{os.getpid()}"


def say(text=""):
    print(text, flush=True)


class Program:
    """A bodkin whose JSON events are read as they come."""

    def __init__(self, where, *words, cwd=None):
        self.process = subprocess.Popen([*where, BODKIN, *words, "--json"], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=cwd)
        self.complaint = ""
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        self.events = []
        self.guard = threading.Timer(PATIENCE, self.process.kill)
        self.guard.daemon = True
        self.guard.start()

    def read_errors(self):
        for line in self.process.stderr:
            self.complaint += line

    def wait_for(self, *names):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] in names:
                return event
        self.process.wait()
        self.reader.join(1)
        raise SystemExit(f"demo: no '{names[0]}' from {self.process.args[-3:]}: {self.complaint.strip() or 'no word why'}")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait()
        self.guard.cancel()
        return code


def raise_lab():
    """The words that run a command inside host a, b and s; None where namespaces are forbidden."""
    done = subprocess.run([BODKIN, "lab", "up", "--name", LAB, "port", "port", "--delay", "20"], capture_output=True, text=True)
    if done.returncode == 0:
        say(done.stdout.rstrip())
        return {host: [BODKIN, "lab", "exec", "--name", LAB, host] for host in "abs"}
    if done.returncode == 3:
        say(done.stderr.strip() or done.stdout.strip())
        say("So there are no NATs in this demonstration: everything runs on loopback.")
        return None
    raise SystemExit(f"demo: cannot raise the lab: {done.stderr.strip()}")


def make_file(path):
    piece = hashlib.sha256(b"bodkin").digest() * 31250  # a megabyte
    with open(path, "wb") as f:
        for i in range(SIZE // len(piece)):
            f.write(i.to_bytes(4, "big") + piece[4:])


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def story(inside, top):
    here = {"a": [], "b": [], "s": []}
    at = inside or here
    source, target = top / "a", top / "b"
    source.mkdir()
    target.mkdir()
    make_file(source / "holiday.tar")
    address = "45.10.20.1:15005" if inside else "127.0.0.1:0"

    server = Program(at["s"], "serve", "-l", address, "--state", str(top / "state"))
    listening = server.wait_for("listening")
    place = listening["address"] if isinstance(listening["address"], str) else listening["address"][0]
    where = f"{place}#{listening['pin']}"
    say()
    say(f"s$ bodkin serve                     listens on {place}, its key is pinned as {listening['pin'][:10]}...")
    sender = Program(at["a"], "send", "-s", where, "holiday.tar", cwd=source)
    code = sender.wait_for("code")["code"]
    say(f"a$ bodkin send holiday.tar          the code is {code}; it is told over the phone")
    receiver = Program(at["b"], "recv", "-s", where, code, "-o", str(target), "--yes")
    say(f"b$ bodkin recv {code}")
    say()
    path_b, path_a = receiver.wait_for("path"), sender.wait_for("path")
    peer = next((e for e in receiver.events if e["event"] == "peer"), {})
    say(f"  the other side's NAT   {peer.get('nat', 'none')}")
    say(f"  path                   {path_b['kind']} over {path_b['transport'].upper()}, by {path_b['technique']}: "
        f"{path_a['local']} <-> {path_a['remote']}")
    say(f"  connected and secure   {path_b['elapsed_ms']:.0f} ms after both sides knew each other "
        f"(the sender: {path_a['elapsed_ms']:.0f} ms)")
    done = receiver.wait_for("done")
    sender.wait_for("done")
    codes = sender.process.wait(), receiver.process.wait()
    stopped = server.end()
    equal = digest(source / "holiday.tar") == digest(target / "holiday.tar")
    say(f"  received               {done['bytes'] / 1e6:.0f} MB in {done['seconds']:.1f} s, "
        f"{done['bytes'] / 1e6 / done['seconds']:.0f} MB/s")
    say(f"  digest                 {done['digest']} by bodkin; SHA-256 of both files {'equal' if equal else 'NOT EQUAL'}")
    say()
    if inside and path_b["kind"] != "direct":
        raise SystemExit("demo: the connection was relayed; two port-restricted NATs should be crossed directly")
    if not equal or codes != (0, 0) or stopped != 0:
        raise SystemExit(f"demo: failed (send {codes[0]}, recv {codes[1]}, serve {stopped})")


def main():
    if not os.access(BODKIN, os.X_OK):
        raise SystemExit(f"demo: '{BODKIN}' is not built: run make demo")
    top = pathlib.Path(tempfile.mkdtemp(prefix="bodkin-demo-"))
    inside = None
    try:
        inside = raise_lab()
        story(inside, top)
        say("Both files are the same. " + ("No byte of it went through the server." if inside else ""))
    finally:
        if inside:
            subprocess.run([BODKIN, "lab", "down", "--name", LAB], capture_output=True)
        shutil.rmtree(top, ignore_errors=True)


main()
