#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to commands and to the server when nobody reads what they say.

Run it with the program as argument or in $BODKIN."""
import json, os, signal, socket, subprocess, sys, time

import kit


class Mute(kit.Case):
    """A command whose streams nobody reads."""

    def sink(self, kind):
        """A descriptor to write to, and the reader's end when there is one."""
        if kind == "device":
            return os.open("/dev/full", os.O_WRONLY), None
        reader, writer = os.pipe()
        if kind == "closed":
            os.close(reader)
            return writer, None
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"." * 4095 + b"\n")
        except BlockingIOError:
            os.set_blocking(writer, True)
        return writer, reader

    def start_unread(self, streams, kind, *args):
        """A command whose streams (names) nobody reads; the rest goes nowhere."""
        ends = {name: self.sink(kind) for name in streams}
        p = subprocess.Popen([kit.BODKIN, *map(str, args)], env=self.env, stdin=subprocess.DEVNULL,
                             **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {n: w for n, (w, _) in ends.items()})
        p.stdout, p.stderr = p.stdout or open(os.devnull), p.stderr or open(os.devnull)
        self.running.append(p)
        for writer, _ in ends.values():
            os.close(writer)
        return p, [r for _, r in ends.values() if r is not None]

    def read_all(self, reader):
        with open(reader, "rb") as f:
            return f.read().replace(b"." * 4095 + b"\n", b"").decode()

    def await_caught(self, p, number):
        """Until the process has a handler for the signal."""
        deadline = time.monotonic() + kit.WAIT
        with open(f"/proc/{p.pid}/status") as f:
            while p.poll() is None:
                self.assertLess(time.monotonic(), deadline, "it never waited for signals")
                f.seek(0)
                caught = next(line.split()[1] for line in f if line.startswith("SigCgt"))
                if int(caught, 16) >> (number - 1) & 1:
                    return


class Unread(Mute):
    """Nobody stops a command or the server by not reading what it says."""

    def test_a_log_that_nobody_reads_does_not_stop_the_server(self):
        p, (reader,) = self.start_unread(["stderr"], "full", "serve", "-l", "127.0.0.1:0", "--json", "--state", self.root / "s")
        e = json.loads(self.line(p))
        host, _, port = e["address"].rpartition(":")
        for _ in range(60):
            with socket.create_connection((host, int(port)), kit.WAIT) as stranger:
                stranger.sendall(b"\x16nonsense")
        sender = self.start("send", "-s", f"{e['address']}#{e['pin']}", "--json", self.file())
        code = self.event(sender, "code")["code"]
        r = self.run_it("recv", "-s", f"{e['address']}#{e['pin']}", "-o", self.folder_out(), code)
        self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(kit.WAIT), 0)
        os.close(reader)

    def test_a_signal_ends_what_nobody_reads(self):
        _, server = self.serve()
        for args in (["send", self.file()], ["recv"], ["chat"], ["ping"], ["nat"]):
            with self.subTest(args=args):
                p, readers = self.start_unread(["stdout", "stderr"], "full", *args, "--json", "-vvv", "-s", server)
                self.await_caught(p, signal.SIGTERM)
                p.send_signal(signal.SIGTERM)
                self.assertIn(p.wait(kit.WAIT), (0, 130))
                for r in readers:
                    os.close(r)

    def outcome(self, stream, kind, args, partner=None):
        """Runs the command until its partner is done, and only then reads what it said."""
        p, readers = self.start_unread([stream], kind, *args)
        if partner:
            self.assertEqual(self.finish(partner)[0], 0)
        unread = "".join(map(self.read_all, readers))
        out, _ = p.communicate(timeout=kit.WAIT)
        self.assertEqual(p.wait(kit.WAIT), 0)
        if stream == "stderr" or kind == "full":
            said = unread if stream == "stdout" else out.decode()
            self.assertIn(json.loads(said.splitlines()[-1])["event"], ("done", "nat"))

    def joins(self, stream, kind, args, maker_args):
        maker = self.start(*maker_args)
        self.outcome(stream, kind, args + [self.event(maker, "code")["code"]], maker)

    def test_a_stream_that_takes_nothing_changes_nothing(self):
        f = self.file()
        for stream in ("stdout", "stderr"):
            for kind in ("full", "closed", "device"):
                with self.subTest(stream=stream, kind=kind):
                    server, name = self.serve()
                    common = ["-s", name, "--json", "-v"]
                    recv = ["recv", *common, "-o", self.folder_out(), "--overwrite"]
                    ping = ["ping", *common, "-c", "1", "-i", "0.01"]
                    self.outcome(stream, kind, ["nat", *common])
                    self.joins(stream, kind, ["send", *common, f, "--code"], recv)
                    self.joins(stream, kind, recv, ["send", *common, f])
                    self.joins(stream, kind, ping, ping)
                    server.terminate()


if __name__ == "__main__":
    sys.exit(kit.main())
