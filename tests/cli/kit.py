# SPDX-License-Identifier: Apache-2.0
"""What the suites of this folder stand on: a folder and an environment for each case, the program in it, what it says
line by line, and a person at a terminal. The program is an argument of the suite, or in $BODKIN."""
import json, os, pathlib, pty, re, select, signal, stat, subprocess, sys, tempfile, termios, unittest

BODKIN = os.environ.get("BODKIN", "build/bodkin")
WAIT = 30  # seconds until a step that should take milliseconds counts as hung

# Started in the background, or by nohup, we ignore these; what we start must not, or it would go on ignoring them.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)


def shown(fd):
    """What a terminal is sent, as it comes, until its program has ended or says nothing more."""
    while select.select([fd], [], [], WAIT)[0]:
        try:
            data = os.read(fd, 4096)
        except OSError:
            return
        if not data:
            return
        yield data


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bodkin-cli-")
        self.root = pathlib.Path(self.folder.name)
        self.env = dict(os.environ, HOME=str(self.root), XDG_STATE_HOME=str(self.root / "state"),
                        XDG_CONFIG_HOME=str(self.root / "config"), LC_ALL="C.UTF-8")
        self.env.pop("BODKIN_SERVER", None)
        self.running = []

    def tearDown(self):
        for p in self.running:
            if p.poll() is None:
                p.kill()
            p.wait()
            p.stdout.close()
            p.stderr.close()
        self.folder.cleanup()

    def run_it(self, *args, **more):
        return subprocess.run([BODKIN, *map(str, args)], capture_output=True, text=True, timeout=WAIT, env=self.env,
                              stdin=subprocess.DEVNULL, **more)

    def start(self, *args, **more):
        p = subprocess.Popen([BODKIN, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=self.env, stdin=subprocess.DEVNULL, **more)
        self.running.append(p)
        return p

    def line(self, p):
        """One line of p's output, or failure when none comes. Nothing behind it is read: what lies in a buffer no select
        sees, nor does who reads the rest."""
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([p.stdout], [], [], WAIT)
            self.assertTrue(ready, "no output")
            byte = os.read(p.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode()

    def event(self, p, name):
        while True:
            line = self.line(p)
            self.assertTrue(line, f"ended before '{name}': {p.stderr.read() if p.poll() is not None else ''}")
            event = json.loads(line)
            if event["event"] == name:
                return event

    def finish(self, p):
        out, err = p.communicate(timeout=WAIT)
        return p.returncode, out, err

    def at_terminal(self, args, talk, early=b"", size=None, **env):
        """The command at a terminal (of so many rows and columns). talk: pairs of what to wait for, a regular expression, and what is typed then, or what
        is done to the process; in any order, each once. early: typed before the program is there. Returns the exit status and what stood there."""
        go, gone = os.pipe()
        pid, fd = pty.fork()
        if pid == 0:
            os.read(go, 1)
            os.execve(BODKIN, [BODKIN, *map(str, args)], {**self.env, "TERM": "xterm", **env})
        if size:
            termios.tcsetwinsize(fd, size)
        os.write(fd, early)
        os.write(gone, b".")
        os.close(go)
        os.close(gone)
        seen, answered, talk = b"", 0, list(talk)
        for data in shown(fd):
            seen += data
            for i, (wait, answer) in enumerate(talk):
                if found := re.search(wait, seen[answered:]):
                    answered += found.end()
                    answer = talk.pop(i)[1]
                    answer(pid) if callable(answer) else os.write(fd, answer)
                    break
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()

    def serve(self, *args):
        server = self.start("serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", self.root / "server", *args)
        e = self.event(server, "listening")
        return server, f"{e['address']}#{e['pin']}"

    def file(self, name="in/a.bin", size=100000):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes((i * 7 + i // 251) & 255 for i in range(size)))
        return path

    def library(self, name):
        """NAME.c of this folder, for LD_PRELOAD."""
        library = self.root / f"{name}.so"
        if not library.exists():
            source = pathlib.Path(__file__).with_name(f"{name}.c")
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl", "-pthread"], check=True)
        return str(library)

    def gated(self):
        """The environment of a program to which the disk answers only once there is a file, and that file."""
        gate = self.root / "open"
        return {"LD_PRELOAD": self.library("gate"), "GATE": str(gate)}, gate

    def folder_out(self):
        (self.root / "out").mkdir(exist_ok=True)
        return self.root / "out"


def tree(root):
    """What is in a folder: of every path its kind, mode, time and content."""
    seen = {}
    for path in [root, *root.rglob("*")]:
        st = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        seen[str(path.relative_to(root))] = (stat.S_IFMT(st.st_mode), st.st_mode & 0o777, int(st.st_mtime), content)
    return seen


def main(module="__main__"):
    global BODKIN
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.sep in sys.argv[1]:
        BODKIN = sys.argv.pop(1)
    BODKIN = os.path.abspath(BODKIN)
    outcome = unittest.main(module, exit=False).result
    bad = len(outcome.failures) + len(outcome.errors) + len(outcome.unexpectedSuccesses) + len(outcome.skipped)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    return bad > 0
