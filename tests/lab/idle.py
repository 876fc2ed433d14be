# SPDX-License-Identifier: Apache-2.0
"""An open session with nothing to say, through NATs that forget after half a minute: what it costs on the wire, counted by
a router, and what becomes of the first byte afterwards, on a path that still is and on one that died meanwhile.
BODKIN_IDLE_SECONDS: how long the silence is (34); `make soak` takes longer.

The sessions are `ping`s with so long an interval, one of each transport in each of two labs.
"""
import os
import time

from lab import Lab, check
from moves import bar, run

SECONDS = int(os.environ.get("BODKIN_IDLE_SECONDS", 34))
LIFETIME = 30  # seconds after which the routers forget
PER_MINUTE = 10  # packets on a path, all told
# Seconds until a path is at rest: what the race leaves behind is over. Over TCP each side asks after the last word, 2, 4,
# 8 and 16 s later, so that a silence as short as in `make check` shows what that costs, and a longer one the rest.
AT_REST = {"udp": 3, "tcp": 3 if SECONDS < 90 else 40}
RESTLESS_MAX = 30  # packets of those questions
BEFORE_THE_END = 2  # seconds: the silence is still whole
AT_ONCE_MS, NOTICED = 500, 1.5  # the second is the promised one, and room for a busy machine
GONE = ("lost the path", "resumed")
FORGETFUL = [f"net.netfilter.nf_conntrack_{name}={LIFETIME}"
             for name in ("udp_timeout", "udp_timeout_stream", "tcp_timeout_established")]
FAR = {"path": "45.10.22.0/24", "server": "45.10.20.0/24"}  # as a's router sees them
COUNTED = [(name, transport) for name in FAR for transport in ("udp", "tcp")]
COUNTERS = ("table ip count { "
            + " ".join(f"counter {name}_{transport} {{ }};" for name, transport in COUNTED)
            + " chain f { type filter hook forward priority -299; "
            + " ".join(f"ip {end} {FAR[name]} meta l4proto {transport} counter name {name}_{transport};"
                       for name, transport in COUNTED for end in ("saddr", "daddr"))
            + " }; }")


class Session:
    """Two that say hello, fall silent, and say hello again."""

    def __init__(self, lab, transport):
        self.transport = transport
        words = [lab.bodkin, "ping", "-s", lab.place, "--json", "-vv", "-i", SECONDS, "--transport", transport]
        self.maker = lab.run("a", *words)
        self.joiner = lab.run("b", *words, self.maker.wait_for("code")["code"])
        self.both = (self.maker, self.joiner)
        kinds = [p.wait_for("path")["kind"] for p in self.both]
        check(kinds == ["direct"] * 2, f"paths {kinds}\n{self.story()}")
        self.joiner.wait_for("pong")
        time.sleep(1)  # the first hellos go to and fro without a pause
        self.last = len(self.pongs())
        self.began = max(at for p in self.both for e, at in zip(p.events, p.times) if e["event"] == "pong")

    def pongs(self):
        return [e for p in self.both for e in p.all("pong")]

    def story(self):
        return "\n".join(p.story() for p in self.both)


def counts(lab):
    """{counter: packets}, of those that were put there for this: the router counts for others, too."""
    ours = {f"{name}_{transport}" for name, transport in COUNTED}
    return {name: n for name, n in lab.counters("ra").items() if name in ours}


def raise_lab(lab):
    for router in ("ra", "rb"):
        run(lab, router, "sysctl", "-qw", *FORGETFUL)
    run(lab, "ra", "nft", COUNTERS)
    lab.start_server("--state", lab.top / "server")
    return [Session(lab, transport) for transport in ("udp", "tcp")]


def wait_until(moment):
    while time.monotonic() < moment:
        time.sleep(0.1)  # it is the silence that is tested


def be_silent(lab, sessions):
    """What passed the router meanwhile, nearly until somebody speaks again."""
    began, before = max(s.began for s in sessions), {}
    for transport, seconds in AT_REST.items():
        wait_until(began + seconds)
        before |= {name: n for name, n in counts(lab).items() if name.endswith(transport)}
    wait_until(min(s.began for s in sessions) + SECONDS - BEFORE_THE_END)
    return {name: n - before[name] for name, n in counts(lab).items()}


def check_cost(passed, sessions):
    text = ", ".join(f"{n} {name.replace('_', ' over ')}" for name, n in passed.items())
    for s in sessions:
        # A question may fall into a short time as a whole.
        most = PER_MINUTE * max(SECONDS - AT_REST[s.transport] - BEFORE_THE_END, LIFETIME) / 60
        if s.transport == "tcp" and AT_REST["tcp"] < 40:
            most = RESTLESS_MAX
        check(0 < passed[f"path_{s.transport}"] <= most, f"in {SECONDS} s: {text}\n{s.story()}")
    check(passed["server_udp"] == 0, f"somebody goes on asking how he looks from outside: {text}")
    return text


def first_word(s):
    """After the silence: how long it took to come and go, in ms."""
    while len(s.pongs()) == s.last:
        check(time.monotonic() < s.began + SECONDS + 10, f"nobody said another word\n{s.story()}")
        time.sleep(0.02)
    check(not any(words in p.said() for p in s.both for words in GONE), f"the path was left\n{s.story()}")
    return max(e["rtt_ms"] for e in s.pongs())


def notice(s):
    """On a path that died in the silence: when that was noticed, in seconds after the word that found out."""
    spoken = s.began + SECONDS
    while not any(GONE[0] in p.said() for p in s.both):
        check(time.monotonic() < spoken + 10, f"nobody noticed\n{s.story()}")
        time.sleep(0.02)
    return time.monotonic() - spoken


def idle(bodkin):
    with Lab(bodkin, "port", "port", "--delay", 10) as kept, Lab(bodkin, "port", "port", "--delay", 10) as cut:
        kept_sessions, cut_sessions = raise_lab(kept), raise_lab(cut)
        passed = be_silent(kept, kept_sessions)
        bar(cut)
        text = check_cost(passed, kept_sessions)
        waits = [first_word(s) for s in kept_sessions]
        check(max(waits) <= AT_ONCE_MS, f"the first words took {waits} ms")
        noticed = [notice(s) for s in cut_sessions]
        check(max(noticed) <= NOTICED, f"dead paths were noticed after {noticed}")
        return (f"{SECONDS} s of silence: {text} packets; then a word went and came in {max(waits):.0f} ms, and a dead path "
                f"was noticed after {max(noticed):.2f} s"), {**passed, "noticed_s": round(max(noticed), 2)}


def cases(bodkin):
    yield "idle session", lambda: idle(bodkin)
