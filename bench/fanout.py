#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One publisher, 1,000 idle and 100 active receivers of 100 bytes: the message service beside Redis, NATS and
mosquitto, in turn in one run; and what an idle connection costs each server's memory.

    python3 bench/fanout.py BUILD_DIR [--runs N] [--messages N]

Needs redis-server, nats-server and mosquitto of Debian; what is missing is said and left out. Server and load
have a core each where there are two. It fails when something does not work, never because something is slow.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SIZE = 100
IDLE, ACTIVE, WINDOW, HEAVY = 1000, 100, 8192, 10000
PAYLOAD = b"x" * SIZE
PATIENCE = 120


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def mqtt(kind, body):
    assert len(body) < 128 or len(body) < 16384
    size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 127 | 128, len(body) >> 7])
    return bytes([kind]) + size + body


def mqtt_text(text):
    return struct.pack(">H", len(text)) + text


MQTT_CONNECT = mqtt(0x10, mqtt_text(b"MQTT") + bytes([4, 2, 0, 0]) + mqtt_text(b""))
NATS_CONNECT = b'CONNECT {"verbose":false,"pedantic":false}\r\n'


def framed(content):
    return struct.pack(">I", len(content)) + content


def mqtt_subscribe(topic):
    return mqtt(0x82, b"\0\1" + mqtt_text(topic) + b"\0")


class Server:
    """A program and its tongue: what idle, active and publishing connections say, how an answer to that ends,
    what is published, and how many bytes arrive for it."""

    def __init__(self, name, program, command, idle, active, publisher, ready, publish, delivery, config=""):
        self.name, self.program, self.command, self.config = name, program, command, config
        self.words = [w.hex() for w in (idle, active, publisher, ready, publish)] + [str(len(delivery))]


def servers(build):
    return [
        Server("bodkin", f"{build}/bench/fanout_server", ["PORT"], framed(b"idle"), framed(b"join"), framed(b"pub"),
               framed(b"ok"), framed(PAYLOAD), framed(PAYLOAD)),
        Server("Redis", "redis-server",
               ["--port", "PORT", "--save", "", "--appendonly", "no", "--maxclients", "20000", "--dir", "ROOM",
                "--client-output-buffer-limit", "pubsub 0 0 0"],
               resp(b"SUBSCRIBE", b"other"), resp(b"SUBSCRIBE", b"topic"), b"", b":1\r\n",
               resp(b"PUBLISH", b"topic", PAYLOAD), resp(b"message", b"topic", PAYLOAD)),
        Server("NATS", "nats-server", ["-a", "127.0.0.1", "-p", "PORT"],
               NATS_CONNECT + b"SUB other 1\r\nPING\r\n", NATS_CONNECT + b"SUB topic 1\r\nPING\r\n",
               NATS_CONNECT + b"PING\r\n", b"PONG\r\n", b"PUB topic %d\r\n%s\r\n" % (SIZE, PAYLOAD),
               b"MSG topic 1 %d\r\n%s\r\n" % (SIZE, PAYLOAD)),
        Server("mosquitto", "mosquitto", ["-c", "ROOM/config"],
               MQTT_CONNECT + mqtt_subscribe(b"other"), MQTT_CONNECT + mqtt_subscribe(b"topic"),
               MQTT_CONNECT + mqtt_subscribe(b"none"), b"\x90\x03\0\1\0",
               mqtt(0x30, mqtt_text(b"topic") + PAYLOAD), mqtt(0x30, mqtt_text(b"topic") + PAYLOAD),
               "listener PORT 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"),
    ]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def wait_until_listening(port, process):
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{process.args[0]} does not listen")


def pinned(core, command):
    return ["taskset", "-c", str(core), *command] if os.cpu_count() > 1 else command


class Running:
    def __init__(self, server):
        self.port = free_port()
        self.room = tempfile.TemporaryDirectory()
        def fill(text):
            return text.replace("PORT", str(self.port)).replace("ROOM", self.room.name)
        pathlib.Path(self.room.name, "config").write_text(fill(server.config))
        os.chmod(self.room.name, 0o755)
        self.log = open(f"{self.room.name}/log", "wb")
        self.process = subprocess.Popen(pinned(0, [shutil.which(server.program) or server.program,
                                                   *map(fill, server.command)]),
                                        stdout=self.log, stderr=self.log)
        wait_until_listening(self.port, self.process)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.room.cleanup()


def fan_out(build, server, messages):
    running = Running(server)
    try:
        out = subprocess.run(pinned(1, [f"{build}/bench/fanout_load", str(running.port), str(IDLE), str(ACTIVE),
                                        str(messages), str(WINDOW), *server.words]),
                             check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        return json.loads(out)["rate"]
    finally:
        running.stop()


def weigh(build, server):
    """Bytes of the server's memory for each idle connection."""
    running = Running(server)
    try:
        before = running.memory()
        load = subprocess.Popen([f"{build}/bench/fanout_load", str(running.port), str(HEAVY), "0", "0", "0",
                                 *server.words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        json.loads(load.stdout.readline())
        weight = (running.memory() - before) / HEAVY
        load.communicate()
        return weight
    finally:
        running.stop()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("build")
    args.add_argument("--runs", type=int, default=5)
    args.add_argument("--messages", type=int, default=100_000)
    args = args.parse_args()
    here = []
    for server in servers(args.build):
        if shutil.which(server.program):
            here.append(server)
        else:
            print(f"left out: {server.program} is not installed", file=sys.stderr)
    rates = {server.name: [] for server in here}
    for run in range(args.runs):
        for server in here:
            few = args.messages // 10 if server.name == "mosquitto" else args.messages
            rates[server.name].append(fan_out(args.build, server, few))
            print(f"  {run + 1}: {server.name}: {rates[server.name][-1] / 1e6:.2f} M/s", file=sys.stderr)
    print("| | deliveries/s (millions) | kB for an idle connection |\n|---|---|---|")
    for server in here:
        got = rates[server.name]
        print(f"| {server.name} | {statistics.median(got) / 1e6:.2f} ({min(got) / 1e6:.2f} to {max(got) / 1e6:.2f}) | "
              f"{weigh(args.build, server) / 1000:.1f} |")
    if "Redis" in rates:
        ratios = [a / b for a, b in zip(rates["bodkin"], rates["Redis"])]
        print(f"\nbodkin to Redis: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
