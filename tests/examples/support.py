# SPDX-License-Identifier: Apache-2.0
"""Programs under test, with a deadline behind every wait, and sockets that are strict."""
import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

WAIT = 30  # seconds until a step that takes milliseconds counts as hung
HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / "peers"
ROOT = HERE.parent.parent
examples = None  # the folder of the built rungs; test_examples.py sets it
sys.path.insert(0, str(PEERS))

tests = []


def test(function):
    tests.append(function)
    return function


class Program:
    """A running program; leaving the `with` ends it, whatever happened."""

    def __init__(self, *command, **more):
        self.process = subprocess.Popen([str(c) for c in command], stdin=more.pop("stdin", subprocess.PIPE),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **more)
        self.out = b""
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for f in (self.process.stdin, self.process.stdout, self.process.stderr):
            if f:
                f.close()

    def line(self):
        deadline = time.monotonic() + WAIT
        while b"\n" not in self.out:
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, f"no line came after {self.seen}"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"ended after {self.seen}: {self.process.stderr.read().decode()}"
            self.out += data
        line, self.out = self.out.split(b"\n", 1)
        self.seen.append(line.decode())
        return self.seen[-1]

    def until(self, pattern):
        while not (match := re.search(pattern, self.line())):
            pass
        return match

    def say(self, text):
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, text=b""):
        """Standard input ends with text; exit code, the rest of the output, what was complained about."""
        out, err = self.process.communicate(text if self.process.stdin else None, timeout=WAIT)
        return self.process.returncode, (self.out + out).decode(), err.decode()


def ours(name, *args, **more):
    return Program(examples / name, *args, **more)


def peer(name, *args, **more):
    return Program(sys.executable, PEERS / f"{name}.py", *args, **more)


def run(program, text=b""):
    with program:
        return program.end(text)


@contextlib.contextmanager
def serving(program):
    """A server and its port. One of ours must still end well when it is told to."""
    with program as p:
        p.port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)", p.line())[1])
        yield p
        assert p.process.poll() is None, f"the server ended: {p.process.stderr.read().decode()}"
        if p.process.args[0] != sys.executable:
            p.signal(signal.SIGTERM)
            code, _, err = p.end()
            assert code == 0, (code, err)


class Wire(socket.socket):
    """A strict client's socket."""

    def __init__(self, port):
        super().__init__()
        self.settimeout(WAIT)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connect(("127.0.0.1", port))

    def trickle(self, data):
        for i in range(len(data)):
            self.sendall(data[i:i + 1])

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.recv(n - len(data))
            assert more, f"closed after {data!r}, {n} bytes were expected"
            data += more
        return data

    def expect(self, data):
        came = self.exactly(len(data))
        assert came == data, (came, data)

    def expect_end(self):
        more = self.recv(100)
        assert more == b"", more

    def cut(self):
        """Ends with a reset instead of an orderly close."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def listening():
    """A listener for a server that the test itself plays."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WAIT)
    return listener


def accept(listener):
    conn, _ = listener.accept()
    conn.settimeout(WAIT)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conn


def one_line(err, *words):
    """An error is one line and says these words."""
    assert err.endswith("\n") and err.count("\n") == 1, err
    for word in words:
        assert word in err, (word, err)
