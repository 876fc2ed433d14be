#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files and folders: bodkin beside rsync, scp, magic-wormhole and wormhole-william, in turn in one run.

    python3 bench/files.py BUILD_DIR [--runs N] [--case NAME]... [--tool NAME]... [--sources DIR]
                           [--disk DIR] [--rate MBIT] [--quick]

From memory to memory over loopback; with --disk the copies are made in DIR, and what a tool did not sync by itself is
synced within its time; with --rate two network namespaces are joined by a wire of so many Mbit/s that queues for 50 ms.
What counts is the time from the start of the one who fetches (recv, rsync, scp) to the end of both, and in brackets
the same from the start of the sender, where that one waits with a code. A bare GnuTLS pair reads and writes the one file
too. Everything runs in a network of its own, which needs root; without, only rsync's daemon and bodkin run.
It fails when something does not work, never because something is slow.
"""
import argparse
import atexit
import ctypes
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import run as transfers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 300
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
NEAR, FAR, ONE = "198.18.0.1", "198.18.0.2", "127.0.0.1"
TWIST = "/usr/bin/twist3"
RELAY_NAME, RELAY_PORT = "transit.magic-wormhole.io", 4001  # wormhole-william knows no other


class Cannot(Exception):
    """This tool does not do this case here: said in the table."""


# --- where it runs ---

class Place:
    """A network that nobody else has, or two of them and a wire between: (near) us, (far) the other end."""

    def __init__(self, rate):
        self.near = self.far = ONE
        self.prefix, self.is_alone, self.rate = [], os.geteuid() == 0, rate
        if not self.is_alone:
            if rate:
                raise RuntimeError("--rate needs root: it makes network namespaces")
            return
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) < 0:
            raise OSError(ctypes.get_errno(), "no network of its own")
        ip("link", "set", "lo", "up")
        ip("link", "add", "near", "type", "veth", "peer", "name", "far")
        if rate:
            self._go_apart()
        for prefix, name, address in (([], "near", NEAR), (self.prefix, "far", FAR)):
            ip("addr", "add", f"{address}/30", "dev", name, prefix=prefix)
            ip("link", "set", name, "up", prefix=prefix)
            if rate:
                self._slow(prefix, name, rate)

    def _go_apart(self):
        holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up; echo; exec sleep infinity"],
                                  stdout=subprocess.PIPE)
        atexit.register(holder.kill)
        holder.stdout.readline()
        self.prefix = ["nsenter", "-t", str(holder.pid), "-n"]
        self.near, self.far = NEAR, FAR
        ip("link", "set", "far", "netns", str(holder.pid))

    @staticmethod
    def _slow(prefix, name, rate):
        subprocess.run([*prefix, "tc", "qdisc", "add", "dev", name, "root", "tbf", "rate", f"{rate}mbit", "burst",
                        f"{max(16, rate // 8)}kb", "latency", "50ms"], check=True)

    def name_relay(self, room):
        """The relay that a program asks for by name is ours."""
        hosts = pathlib.Path(room, "hosts")
        hosts.write_text(f"127.0.0.1 localhost\n{self.near} {RELAY_NAME}\n")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)

    def args(self, side, args):
        return [*(self.prefix if side == "far" else []), *args]


def ip(*args, prefix=()):
    subprocess.run([*prefix, "ip", *args], check=True)


def free_port():
    with socket.socket() as s:
        s.bind((ONE, 0))
        return s.getsockname()[1]


def wait_for_port(place, side, port):
    address = place.far if side == "far" else place.near
    for _ in range(500):
        with socket.socket() as s:
            if s.connect_ex((address, port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {address}:{port}")


class Helpers:
    """Programs that serve for the whole run; they end with it."""

    def __init__(self):
        self.children = []
        atexit.register(self.stop)

    def start(self, args, **more):
        child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=more.pop("stdout", subprocess.DEVNULL),
                                 stderr=subprocess.DEVNULL, **more)
        self.children.append(child)
        return child

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()
        self.children = []


# --- the tools: each moves `path` into `folder` and gives (seconds from the fetch, seconds from the sender's start) ---

class Tool:
    is_self_synced = False

    def __init__(self, world):
        self.world, self.place, self.room = world, world.place, world.room

    def fetch(self, side, args, **more):
        start = time.monotonic()
        done = subprocess.run(self.place.args(side, args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, **more)
        if done.returncode:
            raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
        return time.monotonic() - start


class Bodkin(Tool):
    name, is_self_synced, options = "bodkin", True, ()

    def __init__(self, world):
        super().__init__(world)
        self.bodkin = os.path.join(world.build, "bodkin")
        self.env = dict(os.environ, XDG_STATE_HOME=f"{self.room}/state", XDG_CONFIG_HOME=f"{self.room}/config")
        self.env.pop("BODKIN_SERVER", None)
        os.makedirs(f"{self.room}/state", exist_ok=True)

    def child(self, side, *args):
        return transfers.Child(self.place.args(side, [self.bodkin, *args, "--json"]), self.env)

    def move(self, path, folder):
        """A server for each: one allows an address ten codes a minute."""
        children = []
        try:
            server = self.child("near", "serve", "-l", f"{self.place.near}:0", "--state", f"{self.room}/server")
            children.append(server)
            listening = server.wait_for("listening")
            address = f"{listening['address']}#{listening['pin']}"
            begun = time.monotonic()
            send = self.child("near", "send", "-s", address, path, *self.options)
            children.append(send)
            code = send.wait_for("code")["code"]
            start = time.monotonic()
            recv = self.child("far", "recv", code, "-s", address, "-o", folder, "--yes")
            children.append(recv)
            recv.finish()
            send.finish()
            end = time.monotonic()
        finally:
            for child in reversed(children):
                child.stop()
        if recv.wait_for("path")["kind"] != "direct":
            raise RuntimeError("the path was not direct")
        return end - start, end - begun


class BodkinPlain(Bodkin):
    name, options = "bodkin --compress off", ("--compress", "off")

    def __init__(self, world):
        super().__init__(world)
        if "--compress" not in subprocess.run([self.bodkin, "help", "send"], capture_output=True, text=True).stdout:
            raise Cannot("it has no such option")


class Rsync(Tool):
    name, options = "rsync, daemon", ()

    def __init__(self, world):
        super().__init__(world)
        if not shutil.which("rsync"):
            raise Cannot("not installed")
        self.port = free_port()
        config = pathlib.Path(self.room, f"rsyncd-{self.port}.conf")
        who = "uid = root\ngid = root\n" if os.geteuid() == 0 else ""
        config.write_text(f"use chroot = no\n{who}[in]\npath = {world.folder}\nread only = no\n")
        world.helpers.start(self.place.args("far", [
            "rsync", "--daemon", "--no-detach", f"--config={config}", f"--port={self.port}",
            f"--address={self.place.far}"]))
        wait_for_port(self.place, "far", self.port)

    def move(self, path, folder):
        took = self.fetch("near", ["rsync", "-a", *self.options, path, f"rsync://{self.place.far}:{self.port}/in/"])
        return took, took


class RsyncZ(Rsync):
    name, options = "rsync -z, daemon", ("-z",)


class Ssh(Tool):
    """A server of its own with keys of its own."""

    def __init__(self, world):
        super().__init__(world)
        if not world.place.is_alone or not os.path.exists("/usr/sbin/sshd"):
            raise Cannot("no sshd, or not root")
        if not hasattr(world, "ssh_port"):
            self.serve(world)
        self.options = ["-F", "none", "-i", f"{self.room}/key", "-o", "StrictHostKeyChecking=no", "-o",
                        "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"]

    def serve(self, world):
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.room}/{name}"], check=True)
        shutil.copy(f"{self.room}/key.pub", f"{self.room}/authorized")
        os.makedirs("/run/sshd", exist_ok=True)
        world.ssh_port = free_port()
        pathlib.Path(self.room, "sshd.conf").write_text(
            f"Port {world.ssh_port}\nListenAddress {self.place.far}\nHostKey {self.room}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.room}/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            "Subsystem sftp internal-sftp\n")
        world.helpers.start(self.place.args("far", ["/usr/sbin/sshd", "-D", "-e", "-f", f"{self.room}/sshd.conf"]))
        wait_for_port(self.place, "far", world.ssh_port)


class RsyncSsh(Ssh):
    name = "rsync, ssh"

    def move(self, path, folder):
        shell = " ".join(["ssh", "-p", str(self.world.ssh_port), *self.options])
        took = self.fetch("near", ["rsync", "-a", "-e", shell, path, f"{self.place.far}:{folder}/"])
        return took, took


class Scp(Ssh):
    name = "scp"

    def move(self, path, folder):
        took = self.fetch("near", ["scp", "-q", "-p", "-r", "-P", str(self.world.ssh_port), *self.options, path,
                                   f"{self.place.far}:{folder}/"])
        return took, took


class Wormhole(Tool):
    """A mailbox of its own; both ends meet directly."""
    name, program = "magic-wormhole", "wormhole"
    send, receive = ("send", "--hide-progress"), ("receive", "--accept-file", "--hide-progress")

    def __init__(self, world):
        super().__init__(world)
        if not shutil.which(self.program) or not os.path.exists(TWIST):
            raise Cannot("not installed, or no mailbox server")
        if not world.place.is_alone:
            raise Cannot("it would ask a relay outside; root is needed to hold it in")
        if not hasattr(world, "mailbox"):
            port = free_port()
            self.place.name_relay(self.room)
            world.helpers.start([TWIST, "wormhole-mailbox", f"--port=tcp:{port}:interface={self.place.near}",
                                 f"--channel-db={self.room}/mailbox.sqlite"], cwd=self.room)
            world.helpers.start([TWIST, "transitrelay", f"--port=tcp:{RELAY_PORT}:interface={self.place.near}"],
                                cwd=self.room)
            wait_for_port(self.place, "near", port)
            wait_for_port(self.place, "near", RELAY_PORT)
            world.mailbox = f"ws://{self.place.near}:{port}/v1"
        self.number = 0

    def base(self):
        return [self.program, "--relay-url", self.world.mailbox, "--transit-helper", f"tcp:{self.place.near}:{RELAY_PORT}"]

    def code(self):
        self.number += 1
        return f"{self.number}-{self.program[-1]}{os.getpid()}-guitarist"

    def move(self, path, folder):
        code, begun = self.code(), time.monotonic()
        sender = subprocess.Popen(self.place.args("near", [*self.base(), *self.send, "--code", code, path]),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True)
        try:
            while code not in sender.stdout.readline():  # said when a folder is packed
                if sender.poll() is not None:
                    raise RuntimeError(f"{self.name}: the sender ended with {sender.returncode}")
            start = time.monotonic()
            self.fetch("far", [*self.base(), *self.receive, code], cwd=folder)
            said, _ = sender.communicate(timeout=PATIENCE)
            end = time.monotonic()
            if sender.returncode:
                raise RuntimeError(f"{self.name}: the sender ended with {sender.returncode}: {said[-300:]}")
        finally:
            sender.kill()
            sender.wait()
        return end - start, end - begun


class William(Wormhole):
    name, program = "wormhole-william", "wormhole-william"
    send, receive = ("send", "--hide-progress"), ("receive", "--hide-progress")

    def base(self):
        return [self.program, "--relay-url", self.world.mailbox]

    def fetch(self, side, args, **more):
        return super().fetch(side, ["sh", "-c", 'yes | exec "$@"', "-", *args], **more)


class Croc(Tool):
    name = "croc"

    def __init__(self, world):
        super().__init__(world)
        raise Cannot("not in Debian 12")


class Bare(Tool):
    """The bare pair that reads the file and writes it; one process, one file."""
    name = "bare GnuTLS, files"

    def __init__(self, world):
        super().__init__(world)
        if world.place.prefix:
            raise Cannot("both ends are one process")
        self.bare_tls = next(p for p in (os.path.join(world.build, d, "bare_tls") for d in ("", "bench"))
                             if os.path.exists(p))

    def move(self, path, folder):
        if os.path.isdir(path):
            raise Cannot("one file only")
        copy = os.path.join(folder, os.path.basename(path))
        size = os.path.getsize(path)
        out = subprocess.run([self.bare_tls, "--files", path, copy, str(size)], check=True, capture_output=True,
                             text=True, timeout=PATIENCE).stdout
        took = size / json.loads(out)["rate"]
        return took, took


TOOLS = [Bodkin, BodkinPlain, Rsync, RsyncZ, RsyncSsh, Scp, Wormhole, William, Croc, Bare]


# --- what is moved ---

def make_random(path, size):
    """No two pieces of it are alike: nothing is to be gained by packing."""
    with open(path, "wb") as out:
        for at in range(0, size, 1 << 20):
            out.write(os.urandom(min(1 << 20, size - at)))


def make_small(path, count):
    """In folders of a thousand."""
    os.mkdir(path)
    for i in range(count):
        if i % 1000 == 0:
            os.mkdir(f"{path}/{i // 1000:03}")
        make_random(f"{path}/{i // 1000:03}/{i % 1000:03}.dat", 4096)


def make_sources(path, origin):
    """A tree of C: this one's, or another's, without what is no text of C."""
    origin = pathlib.Path(origin)
    for name in [*origin.rglob("*.c"), *origin.rglob("*.h")]:
        inside = name.relative_to(origin)
        if name.is_symlink() or any(part.startswith((".", "build")) for part in inside.parts):
            continue
        target = pathlib.Path(path, inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, target)


def weigh(path):
    """(files, bytes) of a file or a folder."""
    if not os.path.isdir(path):
        return 1, os.path.getsize(path)
    sizes = [os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names]
    return len(sizes), sum(sizes)


class World:
    def __init__(self, args, room, folder, place):
        self.build, self.room, self.folder, self.place = args.build, room, folder, place
        self.is_disk, self.helpers = bool(args.disk), Helpers()
        self.env = None


def cases(args):
    quick = args.quick
    return {
        "1 byte": lambda p: make_random(p, 1),
        "1 GiB": lambda p: make_random(p, 1 << (26 if quick else 30)),
        "10,000 x 4 KiB": lambda p: make_small(p, 1000 if quick else 10000),
        "100,000 x 4 KiB": lambda p: make_small(p, 2000 if quick else 100000),
        "C sources": lambda p: make_sources(p, args.sources),
    }


def move_once(world, tool, path, weight):
    took, whole = tool.move(path, world.folder)
    if world.is_disk and not tool.is_self_synced:
        start = time.monotonic()
        subprocess.run(["sync", "-f", world.folder], check=True)
        took, whole = took + time.monotonic() - start, whole + time.monotonic() - start
    arrived = os.path.join(world.folder, os.path.basename(path))
    if weigh(arrived) != weight:
        raise RuntimeError(f"{tool.name}: {weigh(arrived)} arrived of {weight}")
    return took, whole


def measure(world, tools, path, runs):
    """Every tool once in each round: {name: [(seconds, seconds from the sender's start)] or why not}."""
    rows, weight = {}, weigh(path)
    for i in range(runs):
        for tool in tools:
            if isinstance(rows.get(tool.name), str):
                continue
            try:
                row = move_once(world, tool, path, weight)
                rows.setdefault(tool.name, []).append(row)
                print(f"  {os.path.basename(path)} {i + 1}: {tool.name}: {row[0]:.3f} s", file=sys.stderr)
            except Cannot as why:
                rows[tool.name] = str(why)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                rows[tool.name] = str(error).splitlines()[0][:150]
                print(f"  {tool.name}: {error}", file=sys.stderr)
            finally:
                empty(world.folder)
    return weight, rows


def empty(folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)


def seconds(values):
    digits = 4 if statistics.median(values) < 0.1 else 2
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(name, weight, rows):
    files, size = weight
    what = f"{files} files, {size / 1e6:.1f} MB" if files > 1 else f"{size} byte{'s' if size > 1 else ''}"
    lines = [f"| {name} ({what}) | seconds | from the sender's start | bodkin's time is of it |", "|---|---|---|---|"]
    ours = rows.get("bodkin")
    for tool, row in rows.items():
        if isinstance(row, str):
            lines.append(f"| {tool} | {row} | | |")
            continue
        took, whole = [r[0] for r in row], [r[1] for r in row]
        share = "" if tool == "bodkin" or not isinstance(ours, list) else \
            f"{statistics.median([r[0] for r in ours]) / statistics.median(took):.2f}"
        lines.append(f"| {tool} | {seconds(took)} | {seconds(whole)} | {share} |")
    return "\n".join(lines)


def set_up(world, wanted):
    """The tools that can be had, and what is said of the others."""
    tools, lacking = [], []
    for kind in TOOLS:
        if wanted and not any(word in kind.name for word in wanted):
            continue
        try:
            tools.append(kind(world))
        except Cannot as why:
            lacking.append(f"{kind.name}: {why}")
    return tools, lacking


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--case", action="append", help="a piece of the name of a case; all")
    parser.add_argument("--tool", action="append", help="a piece of the name of a tool; all")
    parser.add_argument("--sources", default=str(ROOT), help="where the tree of C sources is (this one)")
    parser.add_argument("--disk", help="the copies are made there, and synced")
    parser.add_argument("--rate", type=int, help="Mbit/s of a wire between two namespaces")
    parser.add_argument("--quick", action="store_true", help="less of everything: does the benchmark itself work?")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    memory = transfers.SHM if os.path.isdir(transfers.SHM) else None
    place = Place(args.rate)
    with tempfile.TemporaryDirectory(prefix="bodkin-files-", dir=memory) as room, \
            tempfile.TemporaryDirectory(prefix="bodkin-files-", dir=args.disk or memory) as folder:
        world = World(args, room, folder, place)
        try:
            tools, lacking = set_up(world, args.tool)
            print(f"Machine: {transfers.machine()}; load {os.getloadavg()[0]:.1f}. "
                  f"{'To ' + args.disk + ', synced. ' if args.disk else ''}"
                  f"{f'{args.rate} Mbit/s. ' if args.rate else ''}{args.runs} runs: medians (ranges)."
                  + "".join(f"\n{line}." for line in lacking))
            for number, (name, make) in enumerate(cases(args).items()):
                if args.case and not any(word in name for word in args.case):
                    continue
                path = os.path.join(room, f"case{number}")
                make(path)
                if "GiB" in name:
                    transfers.keep_memory_warm(room, os.path.getsize(path))
                print("\n" + table(name, *measure(world, tools, path, args.runs)), flush=True)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        finally:
            world.helpers.stop()


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
