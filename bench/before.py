#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""This tree beside an older one, which it builds from git: both in turn in one run, so that only ratios count.

    python3 bench/before.py BUILD_DIR --before REV [--runs N] [--bytes N] [--rows WORD] [--only WORD]

Throughput of the links alone and of a file, over TLS and over QUIC; 1 byte; the time to connect through the kernel NATs
of tests/lab/rows.py; memory of an idle connection and of the programs. Each pair is one run of the older tree and one of
this, the order changing from pair to pair. Prints the table of RESULTS.md: medians, ranges in brackets, and the median of
the pairs' ratios. It fails when something does not work, never because something is slow.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "bench"), str(ROOT / "tests/lab")]
sys.dont_write_bytecode = True

import fanout  # noqa: E402
import lab  # noqa: E402
import rows  # noqa: E402
import run as transfers  # noqa: E402

TARGETS = ["bodkin", "bench/link_pair", "bench/fanout_server", "bench/fanout_load", "bench/bare_tls"]


class Tree:
    def __init__(self, name, build, room):
        self.name, self.build = name, pathlib.Path(build).resolve()
        os.mkdir(f"{room}/{name}")
        self.bench = transfers.Bench(str(self.build), f"{room}/{name}")
        self.bodkin = str(self.build / "bodkin")


def build_before(rev, room):
    """That revision's build folder; the same compiler and options as a plain `make build`."""
    source = pathlib.Path(room, "source")
    source.mkdir()
    archive = subprocess.Popen(["git", "archive", rev], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", source], stdin=archive.stdout, check=True)
    if archive.wait():
        raise RuntimeError(f"git has no tree '{rev}'")
    for command in (["meson", "setup", "build"], ["ninja", "-C", "build", *TARGETS]):
        done = subprocess.run(command, cwd=source, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{rev}: {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return source / "build"


class Table:
    """Samples by what was measured, in pairs."""

    def __init__(self):
        self.samples, self.broken = {}, []

    def add(self, name, digits, before, now):
        self.samples.setdefault((name, digits), []).append((before, now))

    def pairs(self, runs, trees, measure):
        """`measure` of a tree gives {name: (digits, value)}. Which tree begins changes from pair to pair."""
        for i in range(runs):
            order = trees if i % 2 == 0 else trees[::-1]
            found = {tree: measure(tree) for tree in order}
            before, now = (found[tree] for tree in trees)
            for name, (digits, value) in before.items():
                self.add(name, digits, value, now[name][1])
                print(f"  {name}: {value:.{digits}f}, {now[name][1]:.{digits}f}", file=sys.stderr)

    def text(self, rev):
        lines = [f"| | runs | before ({rev}) | now | now / before |", "|---|---|---|---|---|"]
        for (name, digits), pairs in self.samples.items():
            before, now = zip(*pairs)
            ratios = [b / a for a, b in pairs if a]
            lines.append(f"| {name} | {len(pairs)} | {spread(before, digits)} | {spread(now, digits)} | "
                         f"{spread(ratios, 2) if ratios else ''} |")
        return "\n".join(lines)


def spread(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def measure_links(table, trees, args):
    for kind, title in (("tls", "TLS link"), ("quic", "QUIC link"), ("quic-bbr", "QUIC link with BBR")):
        def measure(tree, kind=kind, title=title):
            out = subprocess.run([tree.build / "bench/link_pair", kind, str(args.bytes)], check=True, capture_output=True,
                                 text=True, timeout=transfers.PATIENCE).stdout
            got = json.loads(out)
            gb = args.bytes / 1e9
            return {f"{title}, memory to memory, MB/s": (0, got["rate"] / 1e6),
                    f"{title}, CPU s/GB, sender": (2, got["sender_cpu"] / gb),
                    f"{title}, CPU s/GB, receiver": (2, got["receiver_cpu"] / gb)}
        table.pairs(args.runs, trees, measure)


def measure_files(table, trees, args, room):
    path = os.path.join(room, "bulk")
    transfers.make_file(path, args.bytes)
    transfers.keep_memory_warm(room, args.bytes)
    for transport, title in (("tcp", "file over TLS"), ("udp", "file over QUIC")):
        def measure(tree, transport=transport, title=title):
            send, recv = tree.bench.transfer(path, "--transport", transport)
            rate = args.bytes / recv.wait_for("done")["seconds"]
            return {f"{title}, MB/s": (0, rate / 1e6),
                    f"{title}, peak memory, sender, MB": (1, send.peak / 1e6),
                    f"{title}, peak memory, receiver, MB": (1, recv.peak / 1e6)}
        table.pairs(args.runs, trees, measure)
    os.remove(path)


def measure_byte(table, trees, args, room):
    path = os.path.join(room, "byte")
    transfers.make_file(path, 1)
    for transport, title in (("tcp", "TLS"), ("udp", "QUIC")):
        def measure(tree, transport=transport, title=title):
            send, recv = tree.bench.transfer(path, "--transport", transport)
            return {f"1 byte over {title}, `recv` start to exit, ms": (1, recv.wall * 1e3),
                    f"1 byte over {title}, introductions known to link secure, ms":
                        (1, recv.wait_for("path")["elapsed_ms"]),
                    f"1 byte over {title}, peak memory, sender, MB": (1, send.peak / 1e6),
                    f"1 byte over {title}, peak memory, receiver, MB": (1, recv.peak / 1e6)}
        table.pairs(args.byte_runs, trees, measure)


def measure_idle(table, trees, args):
    def measure(tree):
        server = fanout.servers(str(tree.build))[0]
        return {"message service, bytes for an idle connection": (0, fanout.weigh(str(tree.build), server))}
    table.pairs(args.idle_runs, trees, measure)


def measure_rows(table, trees, args):
    """Both trees' laboratories stand side by side; their transfers take turns. The slower side of each counts."""
    reason = lab.probe(trees[1].bodkin)
    if reason:
        print(f"bench: no time to connect: {reason}", file=sys.stderr)
        return
    here, there = ({rows.name_of(row): row for row in rows.table(tree.bodkin)} for tree in trees[::-1])
    for name, row in here.items():
        if args.rows not in name:
            continue
        if name not in there:
            print(f"bench: '{name}' did not exist before", file=sys.stderr)
            continue
        try:
            measure_row(table, trees, name, row, args.row_runs)
        except lab.Failure as failure:
            table.broken.append(f"{name}: {failure}")


def measure_row(table, trees, name, row, runs):
    with contextlib.ExitStack() as labs:
        source = {}
        for tree in trees:
            raised = labs.enter_context(lab.Lab(tree.bodkin, row["a"], row["b"], *rows.shape_of(row)))
            source[tree] = rows.repeat(raised, runs, row["transport"])
        table.pairs(runs, trees, lambda tree: {
            f"{name}: {row['expected']}, ms": (1, max(next(source[tree]).elapsed()))})


def overall(table):
    """All rows of the laboratory in one line: they are many, and each alone is noise."""
    found = [b / a for (name, _), pairs in table.samples.items() if name.endswith((": direct, ms", ": relay, ms"))
             for a, b in pairs if a]
    return f"\nAll rows through kernel NATs: now / before {spread(found, 2)}, {len(found)} pairs." if found else ""


def measure_all(args, trees, room):
    table = Table()
    parts = {"links": lambda: measure_links(table, trees, args), "files": lambda: measure_files(table, trees, args, room),
             "byte": lambda: measure_byte(table, trees, args, room), "idle": lambda: measure_idle(table, trees, args),
             "rows": lambda: measure_rows(table, trees, args)}
    for name, part in parts.items():
        if args.only in name:
            part()
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--before", required=True, metavar="REV")
    parser.add_argument("--runs", type=int, default=7, help="pairs of links and of files (7)")
    parser.add_argument("--bytes", type=int, default=transfers.GIB, help="of each (1 GiB)")
    parser.add_argument("--byte-runs", type=int, default=21, help="pairs of one byte (21)")
    parser.add_argument("--idle-runs", type=int, default=3, help="pairs of 10,000 idle connections (3)")
    parser.add_argument("--row-runs", type=int, default=5, help="pairs of each row of the laboratory (5)")
    parser.add_argument("--rows", default="", metavar="WORD", help="rows whose name contains it")
    parser.add_argument("--only", default="", metavar="WORD", help="of: links, files, byte, idle, rows")
    parser.add_argument("--before-build", metavar="DIR", help="that revision built before, instead of building it")
    args = parser.parse_args()
    place = transfers.SHM if os.path.isdir(transfers.SHM) else None
    with tempfile.TemporaryDirectory(prefix="bodkin-before-") as source, \
            tempfile.TemporaryDirectory(prefix="bodkin-bench-", dir=place) as room:
        build = args.before_build or build_before(args.before, source)
        trees = [Tree("before", build, room), Tree("now", args.build, room)]
        table = measure_all(args, trees, room)
    print(f"Machine: {transfers.machine()}.\n\n{table.text(args.before)}\n{overall(table)}")
    if table.broken:
        raise RuntimeError("not measured: " + "\n".join(table.broken))


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError, subprocess.SubprocessError, lab.Failure) as error:
        sys.exit(f"bench: {error}")
