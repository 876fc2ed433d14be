#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole trees, byte for byte: whatever a disk can hold is equal at the other end by an independent look, or named in the
list of what was left out.

Run it with the program as argument or in $BODKIN. With --whole FOLDER ... also these folders of this machine, however long
that takes."""
import hashlib, json, os, pathlib, stat, subprocess, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402

NOBODY = 65534
DEPTH = 200
WHOLE = []


def look(root):
    """Of every path below a folder: kind, bits, time to the nanosecond, and content or target. All in bytes."""
    seen = {}

    def one(path, name):
        st = os.lstat(path)
        what = b""
        if stat.S_ISLNK(st.st_mode):
            what = os.readlink(path)
        elif stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                what = (st.st_size, hashlib.file_digest(f, "sha256").digest())
        seen[name] = (stat.S_IFMT(st.st_mode), 0 if stat.S_ISLNK(st.st_mode) else st.st_mode & 0o777, st.st_mtime_ns, what)
        return stat.S_ISDIR(st.st_mode)

    todo = [(root, b".")]
    one(root, b".")
    while todo:
        folder, name = todo.pop()
        for inner in os.listdir(folder):
            if one(folder + b"/" + inner, name + b"/" + inner):
                todo.append((folder + b"/" + inner, name + b"/" + inner))
    return seen


def write(path, content=b""):
    with open(path, "wb") as f:
        f.write(content)


def names(top):
    """Every byte but / and NUL, 255 bytes, and names that are equal but for case or Unicode form."""
    os.mkdir(top)
    for c in range(1, 256):
        if c not in (ord("/"), ord(".")):
            write(top + b"/%c" % c, b"%d" % c)
    every = bytes(c for c in range(1, 256) if c != ord("/"))
    write(top + b"/" + every, b"every")
    os.mkdir(top + b"/\xff\xfe")
    write(top + b"/\xff\xfe/" + b"n" * 255, b"long")
    write(top + b"/" + b"\xfc" * 255, b"long and odd")
    for name in ("case", "Case", "CASE", "grüße", "gru\u0308ße", " ", "-rf", "~", "\u202egpj.exe", "a\\x0ab"):
        write(top + b"/" + name.encode(), name.encode())
    os.symlink(b"\n", top + b"/to-odd")
    os.symlink(b"../\xff\xfe/../" + b"\xfc" * 255, b"%s/\xff\xfe/odd" % top)


def links(top):
    """Those that are kept stand in `kept`, which is equal there; what is to be said of the others."""
    os.makedirs(top + b"/kept/deep/er")
    write(top + b"/kept/file", b"x")
    for name, target in ((b"file", b"../../file"), (b"deep", b"."), (b"folder", b"../er/"), (b"chain", b"folder/folder/file"),
                         (b"up", b"../.."), (b"round", b"up/deep/../file")):
        os.symlink(target, top + b"/kept/deep/er/" + name)
    strays = {}
    for name, target, why in ((b"absolute", b"/etc/passwd", "that leads out of the folder"),
                              (b"out", b"../../secret", "that leads out of the folder"),
                              (b"out-and-in", b"../../tree/links/kept/file", "that leads out of the folder"),
                              (b"by-another", b"kept/deep/er/up/../../../secret", "that leads out of the folder"),
                              (b"dangling", b"nothing", "to what is not sent"),
                              (b"to-a-pipe", b"../pipe", "to what is not sent"),
                              (b"self", b"self", "that leads in a circle"),
                              (b"there", b"back", "that leads in a circle"), (b"back", b"there", "that leads in a circle")):
        os.symlink(target, top + b"/" + name)
        strays["links/" + name.decode()] = "it is a link " + why
    return strays


def make(top):
    """A tree with all that a disk can hold; returns what cannot be sent, and why."""
    os.mkdir(top)
    names(top + b"/names")
    left = links(top + b"/links")
    deep = top
    for i in range(DEPTH):
        deep += b"/d%d" % i
        os.mkdir(deep)
    write(deep + b"/bottom", b"b")
    os.mkdir(top + b"/empty")
    write(top + b"/x", b"#!/bin/sh\n")
    os.chmod(top + b"/x", 0o755)
    with open(top + b"/holes", "wb") as f:
        f.seek(5 << 20)
        f.write(b"island")
        f.truncate(9 << 20)
    os.mkfifo(top + b"/pipe")
    left["pipe"] = "it is a pipe"
    for name in ("unreadable", "locked/inside"):
        path = top + b"/" + name.encode()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, b"secret")
        os.chmod(path if name == "unreadable" else os.path.dirname(path), 0)
        left[name.split("/")[0]] = "Permission denied"
    write(top + b"/old", b"old")
    os.utime(top + b"/old", ns=(0, -86400 * 10**9 + 1))
    os.utime(top + b"/links/kept/deep/er/up", ns=(0, -5), follow_symlinks=False)
    os.utime(top + b"/empty", ns=(0, 1234567890123456789))
    return left


class Trees(kit.Case):
    def setUp(self):
        super().setUp()
        _, self.server = self.serve()
        self.user = {}

    def pair(self, path, send=(), recv=()):
        """Sends a folder; the events of both sides."""
        sender = self.start("send", "-s", self.server, "--json", *send, path, **self.user)
        before = [json.loads(sender.stdout.readline())]
        while before[-1]["event"] != "code":
            before.append(json.loads(sender.stdout.readline()))
        code = before[-1]["code"]
        r = self.run_it("recv", "-s", self.server, "--json", "-o", self.folder_out(), "--executable", "--hidden", *recv, code,
                        **self.user)
        status, out, err = self.finish(sender)
        self.assertEqual((status, r.returncode, err, r.stderr), (0, 0, "", ""))
        sender, receiver = ([json.loads(line) for line in text.splitlines()] for text in (out, r.stdout))
        return {e["event"]: e for e in before + sender}, {e["event"]: e for e in receiver}

    def same(self, root, left=()):
        """Of every path that is not left out; a folder that something stayed behind in has its own time nonetheless."""
        want = {name: what for name, what in look(os.fsencode(root)).items()
                if not any(name == b"./" + gone or name.startswith(b"./" + gone + b"/") for gone in left)}
        got = look(os.fsencode(self.root / "out" / root.name))
        self.assertEqual(set(want) ^ set(got), set())
        for name, what in want.items():
            if what[0] == stat.S_IFDIR:  # whoever receives can always go in
                what = (what[0], what[1] | 0o700, *what[2:])
            self.assertEqual(got[name], what, name)

    def as_nobody(self):
        """Root reads everything."""
        if os.getuid():
            return
        for folder, _, files in os.walk(os.fsencode(self.root)):
            for path in [folder, *(folder + b"/" + f for f in files)]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        os.chmod(self.root, 0o755)
        self.user = {"user": NOBODY, "group": NOBODY}

    def test_a_tree_with_all_that_a_disk_can_hold_arrives_or_is_named(self):
        top = self.root / "tree"
        (self.root / "secret").write_bytes(b"mine")
        left = make(os.fsencode(top))
        self.folder_out()
        self.as_nobody()
        sender, receiver = self.pair(top)
        said = dict(line.split("/tree/", 1)[1].split("': ", 1) for line in sender["left-out"]["names"])
        self.assertEqual(said, left)
        self.assertEqual(sender["left-out"]["entries"], len(left))
        self.same(top, {name.encode() for name in left})
        for events in (sender, receiver):
            self.assertEqual(events["offer"]["links"], 8)
            self.assertEqual(events["done"]["links"], 8)
        self.assertLess(os.stat(self.root / "out/tree/holes").st_blocks, 64)

    def test_links_are_followed_or_skipped_where_that_is_wished(self):
        top = self.root / "tree"
        (top / "a/b").mkdir(parents=True)
        (top / "a/file").write_bytes(b"inside")
        (self.root / "other").mkdir()
        (self.root / "other/x").write_bytes(b"outside")
        for name, target in (("f", "a/file"), ("o", "../other"), ("a/b/up", ".."), ("none", "nothing")):
            os.symlink(target, top / name)
        sender, receiver = self.pair(top, ["--links", "follow"])
        self.assertEqual({n.split("/tree/")[1] for n in sender["left-out"]["names"]},
                         {"none': it is a link to nothing", "a/b/up': it is a link that leads back to a folder that it is in"})
        got = look(os.fsencode(self.root / "out/tree"))
        self.assertEqual({n for n, what in got.items() if what[0] == stat.S_IFREG}, {b"./a/file", b"./f", b"./o/x"})
        self.assertEqual((self.root / "out/tree/o/x").read_bytes(), b"outside")
        (self.root / "out/tree").rename(self.root / "followed")
        sender, receiver = self.pair(top, ["--links", "skip"])
        self.assertEqual(sender["left-out"]["entries"], 4)
        self.assertEqual({n for n, what in look(os.fsencode(self.root / "out/tree")).items()}, {b".", b"./a", b"./a/b", b"./a/file"})

    def test_a_link_that_would_lead_to_what_is_not_taken_is_not_made(self):
        top = self.root / "tree"
        top.mkdir()
        (top / "a").write_bytes(b"new")
        (top / "b").write_bytes(b"b")
        for name, target in (("to-a", "a"), ("to-b", "b"), ("to-to-a", "to-a"), ("same", "b")):
            os.symlink(target, top / name)
        for how, made in (("skip", {"same", "to-b"}), ("rename", {"same", "to-b"}), ("overwrite", {"same", "to-a", "to-b", "to-to-a"})):
            out = self.root / "out/tree"
            out.mkdir(parents=True)
            (out / "a").write_bytes(b"old")
            os.symlink("b", out / "same")
            _, receiver = self.pair(top, recv=["--conflict", how])
            self.assertEqual({p.name for p in out.iterdir() if p.is_symlink()}, made)
            self.assertEqual(receiver["done"]["links"], len(made))
            out.rename(self.root / how)

    def test_a_link_in_the_place_of_another_is_asked_for_like_a_file(self):
        top = self.root / "tree"
        top.mkdir()
        (top / "a").write_bytes(b"a")
        os.symlink("a", top / "link")
        (self.root / "out/tree").mkdir(parents=True)
        (self.root / "mine").write_bytes(b"mine")
        os.symlink("../../mine", self.root / "out/tree/link")
        _, receiver = self.pair(top, recv=["--conflict", "skip"])
        self.assertEqual(os.readlink(self.root / "out/tree/link"), "../../mine")
        _, receiver = self.pair(top, recv=["--conflict", "overwrite"])
        self.assertEqual(os.readlink(self.root / "out/tree/link"), "a")
        self.assertEqual((self.root / "mine").read_bytes(), b"mine")

    @unittest.skipIf("asan" in kit.BODKIN, "what looks after memory wants to be loaded first")
    def test_what_the_file_system_there_cannot_name_is_named_and_the_rest_comes(self):
        top = self.root / "in/t"
        (top / "c:").mkdir(parents=True)
        for name in ("a:b", "c:/in", "d"):
            (top / name).write_bytes(b"x")
        env = dict(self.env, LD_PRELOAD=self.library("refuse"))
        why = "the file system here takes no ':' in a name"
        for path, said, rest in ((top, " and others", "; the rest was received"), (top / "a:b", "", "")):
            with self.subTest(path=path):
                sender = self.start("send", "-s", self.server, "--json", path)
                r = subprocess.run([kit.BODKIN, "recv", "-s", self.server, "-o", self.folder_out(), self.event(sender, "code")["code"]],
                                   capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env, timeout=kit.WAIT)
                name = "t/a:b" if path == top else "a:b"
                self.assertEqual(r.returncode, 7, r.stderr)
                before = f"bodkin: '{name}' and 2 more cannot come into this folder: {why}; rename it over there, or receive into another folder\n"
                self.assertEqual(before in r.stderr, path == top)
                self.assertTrue(r.stderr.endswith(f"bodkin: cannot write '{name}'{said}: {why}{rest}; use -o DIR for another folder\n"), r.stderr)
                self.assertEqual(self.finish(sender)[0], 0 if path == top else 6)
                self.assertEqual([str(p.relative_to(self.root / "out")) for p in sorted((self.root / "out").rglob("*"))], ["t", "t/d"])

    def test_folders_of_this_machine_arrive(self):
        for folder in WHOLE:
            path = pathlib.Path(folder)
            sender, _ = self.pair(path)
            left = {line.split(folder + "/", 1)[1].split("': ", 1)[0].encode() for line in sender.get("left-out", {"names": []})["names"]}
            self.same(path, left)


if __name__ == "__main__":
    if "--whole" in sys.argv:
        at = sys.argv.index("--whole")
        WHOLE += sys.argv[at + 1:]
        del sys.argv[at:]
    sys.exit(kit.main())
