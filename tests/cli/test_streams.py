#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What has no size: standard input, pipes, files of /proc, from one program to another.

Run it with the program as argument or in $BODKIN."""
import os, pathlib, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import test_cli as kit  # noqa: E402


class Streams(kit.Case):
    def setUp(self):
        super().setUp()
        _, self.server = self.serve()

    def sender(self, *args, stdin=subprocess.DEVNULL):
        """A sender, and the code that it made."""
        p = subprocess.Popen([kit.BODKIN, "send", "-s", self.server, "--json", *map(str, args)], stdin=stdin,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.running.append(p)
        return p, self.event(p, "code")["code"]

    def receive(self, code, *args):
        return self.run_it("recv", "-s", self.server, "-o", self.folder_out(), *args, code)

    def test_standard_input_arrives_until_it_ends_behind_a_file(self):
        read, write = os.pipe()
        sender, code = self.sender("-", self.file(), stdin=read)
        os.close(read)
        receiver = self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), code)
        offer = self.event(receiver, "offer")
        self.assertEqual([(n["path"], n["kind"]) for n in offer["names"]], [("a.bin", "file"), ("stdin", "stream")])
        with open(write, "wb") as f:
            f.write(b"said ")
            f.flush()
            while self.event(receiver, "progress")["bytes"] < 100005:
                pass
            f.write(b"slowly")
        self.assertEqual(self.finish(receiver)[0], 0)
        code, out, err = self.finish(sender)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual((self.root / "out/stdin").read_bytes(), b"said slowly")

    def test_a_pipe_and_a_file_of_proc_that_are_named_are_streams(self):
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        sender, code = self.sender(fifo, "/proc/version")
        receiver = self.start("recv", "-s", self.server, "-o", self.folder_out(), code)
        fifo.write_bytes(b"through a pipe")
        self.assertEqual(self.finish(receiver)[0], 0)
        self.assertEqual(self.finish(sender)[0], 0)
        self.assertEqual((self.root / "out/fifo").read_bytes(), b"through a pipe")
        self.assertEqual((self.root / "out/version").read_bytes(), pathlib.Path("/proc/version").read_bytes())

    def test_no_size_is_said_where_none_is_known(self):
        sender, code = self.sender("/proc/version")
        said = self.receive(code).stdout
        self.assertRegex(said, r"Offered by \S+: version \(size unknown\)\n")
        self.assertRegex(said, r"Received version \(\d+ bytes\) in ")
        self.assertEqual(self.finish(sender)[0], 0)


if __name__ == "__main__":
    sys.exit(kit.main())
