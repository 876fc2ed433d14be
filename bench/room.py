#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A room of 1,000 members on `bodkin serve`, beside a channel of as many on ngircd, in turn in one run: 100 messages of
200 bytes a second to all of them, the order, the delay, the server's processor time and memory.

    python3 bench/room.py BUILD_DIR [--runs N] [--members N] [--full N] [--rate N] [--seconds N]

Needs ngircd of Debian. bodkin's members speak TLS, and its server has its default limits; ngircd is plain, without a
name look-up or a limit. Server and load have a core each where there are two. It fails when a line is missing, doubled
or out of order, never because something is slow.
"""
import argparse
import json
import os
import pathlib
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PATIENCE = 600
TICK = os.sysconf("SC_CLK_TCK")
NGIRCD = """[Global]
Name = irc.example.net
Info = A channel
AdminInfo1 = nobody
AdminEMail = nobody@example.net
Listen = 127.0.0.1
Ports = %d
ServerUID = %s
ServerGID = nogroup
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 600
[Options]
DNS = no
Ident = no
PAM = no
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def pinned(core, command):
    return ["taskset", "-c", str(core), *command] if os.cpu_count() > 1 else command


class Bodkin:
    name, tongue = "bodkin", "bodkin"

    def __init__(self, build, room):
        self.process = subprocess.Popen(
            pinned(0, [f"{build}/bodkin", "serve", "-l", "127.0.0.1:0", "--alt-port", "0", "--state", room, "--json"]),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = json.loads(self.process.stdout.readline())
        self.target = f"{said['address']}#{said['pin']}"


class Ngircd:
    name, tongue = "ngircd", "irc"

    def __init__(self, _, room):
        port = free_port()
        os.chmod(room, 0o755)
        config = pathlib.Path(room, "ngircd.conf")
        config.write_text(NGIRCD % (port, pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "nobody"))
        self.process = subprocess.Popen(pinned(0, [ngircd(), "-n", "-f", str(config)]),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.target = f"127.0.0.1:{port}"
        until = time.monotonic() + 10
        while not listens(port) and time.monotonic() < until:
            time.sleep(0.02)


def ngircd():
    return shutil.which("ngircd") or shutil.which("ngircd", path="/usr/sbin")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid, what):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what))


def measure(kind, args):
    with tempfile.TemporaryDirectory() as room:
        server = kind(args.build, room)
        pid = server.process.pid
        try:
            empty = memory(pid, "VmRSS")
            full = args.full if kind is Bodkin else args.speakers
            load = subprocess.Popen(
                pinned(1, [f"{args.build}/bench/room_load", kind.tongue, server.target, str(args.members), str(full),
                           str(args.rate), str(args.seconds)]), stdout=subprocess.PIPE, text=True)
            got = json.loads(load.stdout.readline() or '{"fill_s": 0}')
            filled = processor_time(pid)
            got.update(json.loads(load.stdout.readline() or "{}"))
            got["cpu_us"] = (processor_time(pid) - filled) * 1e6 / max(got.get("deliveries", 0), 1)
            got["fill_cpu_s"] = filled
            got["kib"] = (memory(pid, "VmHWM") - empty) / args.members
            if load.wait(PATIENCE):
                sys.exit(f"{kind.name}: {got}")
            return got
        finally:
            server.process.terminate()
            server.process.wait()


ROWS = [("came_median_ms", "delay until it is at a member's socket, median, ms", 2),
        ("came_p99_ms", "99th percentile, ms", 2),
        ("cpu_us", "server's processor time for a delivery, µs", 2),
        ("kib", "server's memory for a member at most, KiB", 1), ("fill_s", "all have come, s", 2),
        ("fill_cpu_s", "server's processor time for that, s", 2)]


def cell(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("build")
    args.add_argument("--runs", type=int, default=3)
    args.add_argument("--members", type=int, default=1000)
    args.add_argument("--full", type=int, default=20, help="bodkin's members that open what they are told, and speak")
    args.add_argument("--rate", type=int, default=100)
    args.add_argument("--seconds", type=int, default=20)
    args = args.parse_args()
    args.speakers = args.full
    if not ngircd():
        sys.exit("ngircd is not installed (make deps)")
    got = {kind.name: [] for kind in (Bodkin, Ngircd)}
    for run in range(args.runs):
        for kind in (Bodkin, Ngircd):
            got[kind.name].append(measure(kind, args))
            print(f"  {run + 1}: {kind.name}: {got[kind.name][-1]}", file=sys.stderr)
    print("| | bodkin (TLS, sealed) | ngircd (plain) | bodkin / ngircd |\n|---|---|---|---|")
    for key, what, digits in ROWS:
        ours, theirs = ([g[key] for g in got[name]] for name in ("bodkin", "ngircd"))
        ratios = [a / b for a, b in zip(ours, theirs)]
        print(f"| {what} | {cell(ours, digits)} | {cell(theirs, digits)} | {cell(ratios, 2)} |")
    opened = [[g[f"opened_{what}_ms"] for g in got["bodkin"]] for what in ("median", "p99")]
    print(f"\nUntil a full member of bodkin has opened it, ms: median {cell(opened[0], 1)}, 99th percentile {cell(opened[1], 1)}.")
    print(f"All {got['bodkin'][0]['of']} deliveries of each of {args.runs} runs came, in the same order for all.")


if __name__ == "__main__":
    main()
