#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""QUIC and TLS links beside a bare ngtcp2 sender and hyperdht, in turn, over a veth pair without delay.

    python3 bench/quic.py BUILD_DIR [--runs N] [--bytes N] [--hyperdht DIR]

DIR holds hyperdht's node_modules; without it npm brings them into the system's folder for temporary files. It makes its own two
network namespaces inside a private one (and a user namespace where it is not root). Prints the table of
RESULTS.md; it fails when something does not work, never because something is slow.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ADDRESSES = {"left": "10.9.0.1", "right": "10.9.0.2"}
PATIENCE = 300
INSIDE = "BODKIN_BENCH_INSIDE"


def enter_private_namespaces():
    if os.environ.get(INSIDE):
        return
    command = ["unshare", "--net", "--mount"] + (["--user", "--map-root-user"] if os.geteuid() else [])
    os.execvpe(command[0], [*command, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


def fetch_hyperdht(args):
    """Before the namespaces, which have no way out."""
    if not args.hyperdht:
        args.hyperdht = str(pathlib.Path(tempfile.gettempdir()) / "bodkin-bench-hyperdht")
        os.makedirs(args.hyperdht, exist_ok=True)
        if not os.path.isdir(f"{args.hyperdht}/node_modules/hyperdht") and not os.environ.get(INSIDE):
            subprocess.run(["npm", "install", "--prefix", args.hyperdht, "hyperdht@6"], check=True)


def sh(line):
    subprocess.run(line, shell=True, check=True)


def make_veth():
    """Two namespaces with one wire between them; their paths."""
    sh("mkdir -p /run/netns && mount -t tmpfs bench /run/netns")
    for name in ADDRESSES:
        sh(f"ip netns add {name} && ip -n {name} link set lo up")
    sh("ip -n left link add wire type veth peer name wire netns right")
    for name, address in ADDRESSES.items():
        sh(f"ip -n {name} addr add {address}/24 dev wire && ip -n {name} link set wire up")


def in_namespace(name, *command):
    return ["ip", "netns", "exec", name, *map(str, command)]


def measure(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    return json.loads(out.splitlines()[-1])


def measure_hyperdht(modules, size):
    script = str(HERE / "hyperdht_pair.js")
    env = {**os.environ, "NODE_PATH": str(modules / "node_modules")}
    server = subprocess.Popen(in_namespace("right", "node", script, "serve", ADDRESSES["right"]),
                              stdout=subprocess.PIPE, text=True, env=env)
    try:
        ready = json.loads(server.stdout.readline())
        out = subprocess.run(in_namespace("left", "node", script, "send", ADDRESSES["right"], ready["port"],
                                          ready["key"], size),
                             check=True, capture_output=True, text=True, timeout=PATIENCE, env=env).stdout
        return json.loads(out.splitlines()[-1])
    finally:
        server.terminate()
        server.wait()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("build")
    args.add_argument("--runs", type=int, default=5)
    args.add_argument("--bytes", type=int, default=1 << 30)
    args.add_argument("--hyperdht", help="a folder with node_modules/hyperdht")
    args = args.parse_args()
    fetch_hyperdht(args)
    enter_private_namespaces()
    make_veth()
    bench = pathlib.Path(args.build).resolve() / "bench"
    ends = [part for name in ADDRESSES for part in (f"/run/netns/{name}", ADDRESSES[name])]
    modules = pathlib.Path(args.hyperdht)
    rows = {
        "bare ngtcp2": lambda: measure([bench / "quic_pair", str(args.bytes), *ends]),
        "QUIC link": lambda: measure([bench / "link_pair", "quic-bbr", str(args.bytes), *ends]),
        "TLS link": lambda: measure([bench / "link_pair", "tls", str(args.bytes), *ends]),
        "hyperdht": lambda: measure_hyperdht(modules, args.bytes // 4),
    }
    results = {name: [] for name in rows}
    for run in range(args.runs):
        for name, job in rows.items():
            results[name].append(job())
            print(f"  {run + 1}: {name}: {results[name][-1]['rate'] / 1e6:.0f} MB/s", file=sys.stderr)
    print("| | MB/s | CPU s/GB send / receive |\n|---|---|---|")
    for name, got in results.items():
        mid = {k: statistics.median(g[k] for g in got) for k in ("rate", "sender_cpu", "receiver_cpu")}
        size = got[0]["bytes"] / 1e9
        print(f"| {name} | {mid['rate'] / 1e6:.0f} | {mid['sender_cpu'] / size:.2f} / {mid['receiver_cpu'] / size:.2f} |")
    for name in ("hyperdht", "bare ngtcp2"):
        ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(results["QUIC link"], results[name]))
        print(f"\nQUIC link to {name}: {ratio:.2f}")


main()
