#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures STUN answers a second of `bodkin serve` and of coturn, in turn in one run.

    python3 bench/stun.py BUILD_DIR [--rounds N] [--seconds S]

Each server has the first core to itself, the generator another one. What counts is the ratio of each pair: machines drift.
It fails when something does not work, never because something is slow.
"""
import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BODKIN_PORT, COTURN_PORT = 25005, 23478
PATIENCE = 10  # seconds, for a server to answer


def wait_for(port):
    """Asks until it is answered."""
    end = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.05)
        s.connect(("127.0.0.1", port))
        while time.monotonic() < end:
            try:
                s.send(bytes.fromhex("000100002112a442") + os.urandom(12))
                s.recv(2048)
                return
            except OSError:
                pass
    sys.exit(f"nothing answers on port {port}")


def pinned(core, *words):
    return ["taskset", "-c", str(core), *[str(w) for w in words]]


class Server:
    def __init__(self, core, port, *words):
        self.process = subprocess.Popen(pinned(core, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = port

    def __enter__(self):
        wait_for(self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def cpu(self):
        """Seconds so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, load, cores, seconds):
    """Answers a second, microseconds of the server's CPU for each."""
    before = server.cpu()
    done = subprocess.run(pinned(cores[1], load, "127.0.0.1", server.port, seconds), capture_output=True, text=True,
                          timeout=10 * seconds + PATIENCE)
    if done.returncode:
        sys.exit(f"stun_load: {done.stderr}")
    rate = float(done.stdout.split()[0])
    return rate, (server.cpu() - before) / (rate * seconds * 1.1) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or not shutil.which("turnserver") or not shutil.which("taskset"):
        sys.exit("needs two cores, coturn and taskset (util-linux)")
    bodkin, load = (os.path.join(args.build, p) for p in ("bodkin", "bench/stun_load"))
    with tempfile.TemporaryDirectory() as folder, \
            Server(cores[0], BODKIN_PORT, bodkin, "serve", "-l", f"127.0.0.1:{BODKIN_PORT}", "--state", folder, "-q") as ours, \
            Server(cores[0], COTURN_PORT, "turnserver", "-n", "-S", "--no-cli", "--no-tls", "--no-dtls", "-L", "127.0.0.1",
                   "-p", COTURN_PORT, "--log-file=/dev/null", f"--pidfile={folder}/coturn.pid") as theirs:
        rows = [(measure(ours, load, cores, args.seconds), measure(theirs, load, cores, args.seconds))
                for _ in range(args.rounds)]
    print("| round | bodkin, answers/s (us CPU each) | coturn | ratio |\n|---|---|---|---|")
    for i, (a, b) in enumerate(rows, 1):
        print(f"| {i} | {a[0]:,.0f} ({a[1]:.2f}) | {b[0]:,.0f} ({b[1]:.2f}) | {a[0] / b[0]:.2f} |")
    ratio, cost = (statistics.median(f(a, b) for a, b in rows)
                   for f in (lambda a, b: a[0] / b[0], lambda a, b: b[1] / a[1]))
    print(f"\nmedian ratio {ratio:.2f} of answers, {cost:.2f} of answers for one second of the server's CPU; bodkin {statistics.median(a[0] for a, _ in rows):,.0f}, "
          f"coturn {statistics.median(b[0] for _, b in rows):,.0f} answers a second")


if __name__ == "__main__":
    main()
