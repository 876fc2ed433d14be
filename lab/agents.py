# SPDX-License-Identifier: Apache-2.0
"""A lab with somebody in each of its nodes who does what he is told, in Python, over sockets of his own."""
import json
import subprocess
import sys

LAB = []  # the command of the lab; whoever imports this fills it in

# What runs inside a node: lines of Python come in, one JSON value goes out for each.
AGENT = r"""
import errno, json, select, socket, struct, sys, time
def udp(port=0, addr="0.0.0.0"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((addr, port))
    s.settimeout(2)
    return s
def tcp(port=0, addr="0.0.0.0", family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((addr, port))
    s.settimeout(2)
    return s
def listen(port=0, addr="0.0.0.0", family=socket.AF_INET):
    s = tcp(port, addr, family)
    s.listen(64)
    return s
def reach(s, to):
    try:
        s.connect(to)
        return "connected"
    except OSError as e:
        return "timeout" if isinstance(e, TimeoutError) else errno.errorcode[e.errno]
def icmp_from(s):
    try:
        s.setblocking(False)
        _, control, _, _ = s.recvmsg(1, 512, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        return None
    for level, kind, data in control:
        if kind == 11 and data[4] == 2:
            return socket.inet_ntoa(data[20:24])
names = dict(globals())
for line in sys.stdin:
    names["result"] = None
    try:
        exec(json.loads(line), names)
        answer = {"result": names["result"]}
    except Exception as e:
        answer = {"error": repr(e)}
    print(json.dumps(answer), flush=True)
"""


class Agent:
    def __init__(self, node):
        self.proc = subprocess.Popen(LAB + ["exec", node, sys.executable, "-c", AGENT], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

    def ask(self, code):
        self.proc.stdin.write(json.dumps(code) + "\n")
        self.proc.stdin.flush()

    def answer(self):
        line = self.proc.stdout.readline()
        assert line, "the agent died"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def __call__(self, code):
        self.ask(code)
        return self.answer()

    def close(self):
        self.proc.stdin.close()
        self.proc.stdout.close()
        self.proc.wait(5)


def lab(*args, check=True, **kw):
    done = subprocess.run(LAB + list(args), capture_output=True, text=True, timeout=20, **kw)
    assert not check or done.returncode == 0, f"lab {args}: {done.returncode} {done.stderr.strip()}"
    return done


class Up:
    """A lab with an agent in each node asked for."""

    def __init__(self, *args, nodes="a b s"):
        self.args, self.nodes = args, nodes.split()

    def __enter__(self):
        lab("up", *self.args)
        self.agents = [Agent(n) for n in self.nodes]
        return self.agents

    def __exit__(self, *exc):
        for agent in self.agents:
            agent.close()
        lab("down")
