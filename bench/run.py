#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures a transfer over a direct path on loopback against a bare GnuTLS pair, in turn in one run.

    python3 bench/run.py BUILD_DIR [--runs N] [--quick]

Machines drift, so what counts is the ratio of each pair, not a rate. Prints the table of RESULTS.md. It
fails when something does not work, never because something is slow.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

GIB = 1 << 30
SHM = "/dev/shm"
PATIENCE = 120  # seconds that any one process may take
BYTE_RUNS = 10
PAGE, STRIDE = 4096, 128 << 10


class Child:
    """A program under measure: its JSON events, exit code, CPU seconds and peak memory."""

    def __init__(self, args, env):
        self.args, self.events, self.peak = args, [], 0
        self.arrived = threading.Condition()
        self.start = time.monotonic()
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.guard = threading.Timer(PATIENCE, self.process.kill)
        self.guard.start()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self._sample_peak()
            with self.arrived:
                self.events.append(event)
                self.arrived.notify_all()
        with self.arrived:
            self.events.append(None)
            self.arrived.notify_all()

    def _sample_peak(self):
        """The system's own figure at the end counts what this script weighed when it forked, so the high
        water mark is also read while the child lives."""
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                marks = [line.split()[1] for line in status if line.startswith("VmHWM")]
            self.peak = max(self.peak, int(marks[0]) * 1024 if marks else 0)
        except OSError:
            pass

    def wait_for(self, name):
        def found():
            return next((e for e in self.events if e is None or e.get("event") == name), False)

        with self.arrived:
            self.arrived.wait_for(lambda: found() is not False, PATIENCE)
            event = found()
        if not event:
            raise RuntimeError(f"{' '.join(self.args)}: no '{name}': {self._last_words()}")
        return event

    def _last_words(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        return self.process.stderr.read().strip()

    def finish(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.wall = time.monotonic() - self.start
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.guard.cancel()
        self.reader.join()
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak = self.peak or usage.ru_maxrss * 1024
        if self.process.returncode:
            raise RuntimeError(f"{' '.join(self.args)}: exit {self.process.returncode}: {self._last_words()}")
        self.process.stdout.close()
        self.process.stderr.close()
        return self

    def stop(self):
        self.guard.cancel()
        if self.process.returncode is None:
            self.process.terminate()
            self.process.wait()


class Bench:
    def __init__(self, build, room):
        self.bodkin = os.path.join(build, "bodkin")
        self.bare_tls = next(p for p in (os.path.join(build, d, "bare_tls") for d in ("", "bench"))
                             if os.path.exists(p))
        self.room = room
        self.env = dict(os.environ, XDG_STATE_HOME=f"{room}/state", XDG_CONFIG_HOME=f"{room}/config")
        self.env.pop("BODKIN_SERVER", None)
        os.mkdir(f"{room}/state")
        os.mkdir(f"{room}/in")

    def child(self, *args):
        return Child([self.bodkin, *args, "--json"], self.env)

    def transfer(self, path, *options):
        """Sends path to the receiver's folder; returns sender and receiver. The received file is removed.
        Each transfer has its own server: one allows an address ten codes a minute."""
        children = []
        try:
            server = self.child("serve", "-l", "127.0.0.1:0", "--state", f"{self.room}/server")
            children.append(server)
            listening = server.wait_for("listening")
            address = f"{listening['address']}#{listening['pin']}"
            send = self.child("send", "-s", address, path, *options)
            children.append(send)
            code = send.wait_for("code")["code"]
            recv = self.child("recv", code, "-s", address, "-o", f"{self.room}/in", "--yes", *options)
            children.append(recv)
            recv.finish()
            send.finish()
        finally:
            for child in reversed(children):
                child.stop()
        arrived = os.path.join(self.room, "in", os.path.basename(path))
        if os.path.getsize(arrived) != os.path.getsize(path):
            raise RuntimeError("what arrived is not as long as what was sent")
        os.remove(arrived)
        route = recv.wait_for("path")
        if route["kind"] != "direct":
            raise RuntimeError(f"the path was {route['kind']}, not direct")
        return send, recv

    def bare(self, size, files=()):
        args = [self.bare_tls] + (["--files", *files] if files else []) + [str(size)]
        out = subprocess.run(args, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        return json.loads(out)


def make_file(path, size):
    block = os.urandom(1 << 20)
    with open(path, "wb") as out:
        for i in range(0, size, len(block)):
            out.write(i.to_bytes(8, "little") + block[8:min(len(block), size - i)] if size > 8 else block[:size])


def keep_memory_warm(room, size):
    """A virtual machine returns free memory to its host in large blocks, and getting one back costs more than
    anything measured here. Where one page of each STRIDE stays in use no large block is ever free, so what
    one run frees the next finds at hand."""
    with open(f"{room}/freed", "wb", buffering=0) as freed, open(f"{room}/kept", "wb", buffering=0) as kept:
        for _ in range(0, size + size // 2, STRIDE):
            freed.write(bytes(STRIDE - PAGE))
            kept.write(bytes(PAGE))
    os.remove(f"{room}/freed")


def measure_bulk(bench, size, runs):
    """Pairs in turn: bodkin, bare memory to memory, bare with files."""
    path, copy = os.path.join(bench.room, "bulk"), os.path.join(bench.room, "copy")
    make_file(path, size)
    keep_memory_warm(bench.room, size)
    rows = []
    for i in range(runs):
        send, recv = bench.transfer(path)
        done = recv.wait_for("done")
        memory = bench.bare(size)
        files = bench.bare(size, (path, copy))
        os.remove(copy)
        gb = size / 1e9
        rows.append({
            "rate": size / done["seconds"], "bare": memory["rate"], "files": files["rate"],
            "ratio": size / done["seconds"] / memory["rate"], "files_ratio": size / done["seconds"] / files["rate"],
            "send_cpu": send.cpu / gb, "recv_cpu": recv.cpu / gb,
            "bare_send_cpu": memory["sender_cpu"] / gb, "bare_recv_cpu": memory["receiver_cpu"] / gb,
            "send_peak": send.peak, "recv_peak": recv.peak,
        })
        print(f"  pair {i + 1}: bodkin {rows[-1]['rate'] / 1e6:.0f} MB/s, bare {memory['rate'] / 1e6:.0f}, "
              f"ratio {rows[-1]['ratio']:.2f}", file=sys.stderr)
    os.remove(path)
    return rows


def measure_byte(bench, runs):
    path = os.path.join(bench.room, "byte")
    make_file(path, 1)
    rows = []
    for _ in range(runs):
        send, recv = bench.transfer(path)
        rows.append({"wall": recv.wall * 1e3, "elapsed": recv.wait_for("path")["elapsed_ms"],
                     "total": recv.wait_for("path")["total_ms"]})
    return rows


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def spread(rows, key, digits):
    values = sorted(row[key] for row in rows)
    return f"{values[0]:.{digits}f} to {values[-1]:.{digits}f}"


def machine():
    with open("/proc/cpuinfo") as info:
        flags = next((line.split(":")[1].split() for line in info if line.startswith("flags")), [])
    found = [flag for flag in ("aes", "vaes", "avx2", "avx512f") if flag in flags]
    return (f"{os.cpu_count()} cores ({', '.join(found) or 'no vector flags'}), Linux "
            f"{platform.release().split('-')[0]}, Python {platform.python_version()}")


def table(bulk, byte, size):
    mib = size >> 20
    rows = [
        ("transfer, MB/s", f"{median(bulk, 'rate') / 1e6:.0f}", f"{median(bulk, 'bare') / 1e6:.0f}", ""),
        ("ratio to bare, pair by pair", f"{median(bulk, 'ratio'):.2f} ({spread(bulk, 'ratio', 2)})", "1",
         "at least 0.75"),
        ("ratio to bare that reads and writes files",
         f"{median(bulk, 'files_ratio'):.2f} ({spread(bulk, 'files_ratio', 2)})",
         f"1 ({median(bulk, 'files') / 1e6:.0f} MB/s)", ""),
        ("CPU s/GB, sender", f"{median(bulk, 'send_cpu'):.2f}", f"{median(bulk, 'bare_send_cpu'):.2f}", ""),
        ("CPU s/GB, receiver", f"{median(bulk, 'recv_cpu'):.2f}", f"{median(bulk, 'bare_recv_cpu'):.2f}", ""),
        ("peak memory, sender, MB", f"{median(bulk, 'send_peak') / 1e6:.0f}", "", "under 64"),
        ("peak memory, receiver, MB", f"{median(bulk, 'recv_peak') / 1e6:.0f}", "", "under 64"),
        ("1 byte, `recv` start to exit, ms", f"{median(byte, 'wall'):.1f} ({spread(byte, 'wall', 1)})", "",
         "at most 100"),
        ("both introductions known to link secure, ms", f"{median(byte, 'elapsed'):.1f}", "", "at most 25"),
        ("`recv` start to link secure, ms", f"{median(byte, 'total'):.1f}", "", ""),
    ]
    lines = [f"| {mib} MiB tmpfs to tmpfs, {len(bulk)} pairs; 1 byte, {len(byte)} runs; medians | bodkin "
             f"| bare TLS, memory to memory | must |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, help="pairs (5, quick: 2)")
    parser.add_argument("--quick", action="store_true", help="128 MiB: does the benchmark itself work?")
    args = parser.parse_args()
    size = GIB // 8 if args.quick else GIB
    runs = args.runs or (2 if args.quick else 5)
    place = SHM if os.path.isdir(SHM) else None
    if shutil.disk_usage(place or tempfile.gettempdir()).free < 3 * size:
        sys.exit(f"bench: {3 * size >> 20} MiB are needed in {place or tempfile.gettempdir()}")
    with tempfile.TemporaryDirectory(prefix="bodkin-bench-", dir=place) as room:
        bench = Bench(args.build, room)
        bulk = measure_bulk(bench, size, runs)
        byte = measure_byte(bench, BYTE_RUNS)
    print(f"Machine: {machine()}.\n\n{table(bulk, byte, size)}")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
