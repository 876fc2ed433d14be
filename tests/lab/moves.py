# SPDX-License-Identifier: Apache-2.0
"""A session that changes its path in the middle of a transfer: nothing is lost, nothing arrives twice.

The routers first keep the two sides apart (a rule in front of everything they forward between them), so that the
transfer starts on the relay; then they let them through.
"""
import os
import re
import signal
import time

from lab import Lab, check

MBIT = int(os.environ.get("BODKIN_MOVES_MBIT", 100))
RATE = ("--rate", MBIT)
LARGE = int(os.environ.get("BODKIN_MOVES_BYTES", 24_000_000))  # 1073741824 is a matter of minutes
ENOUGH = 30 + LARGE * 8 / (MBIT * 1e6) * 4  # seconds for a transfer of that size
SMALL = 20_000
KEPT_MAX = 16 * 1024 * 1024  # what a session keeps unacknowledged: all that a move may send again
FAR = {"ra": "45.10.22.0/24", "rb": "45.10.21.0/24"}


def run(lab, node, *words):
    done = lab.run(node, *words)
    check(done.wait() == 0, done.story())


def bar(lab):
    for router, far in FAR.items():
        run(lab, router, "nft", f"table ip bar {{ chain f {{ type filter hook forward priority -300; ip daddr {far} drop; "
                                f"ip saddr {far} drop; }}; }}")


def unbar(lab):
    for router in FAR:
        run(lab, router, "nft", "delete", "table", "ip", "bar")


def resent(t):
    """Bytes that went a second time, by either side."""
    return sum(int(n) for p in (t.sender, t.receiver) for n in re.findall(r"resumed, (\d+) bytes sent again", p.said()))


def gap(t, since):
    """The longest time in which the receiver got nothing new after that moment, in seconds."""
    longest, last, seen = 0, since, 0
    for event, at in zip(t.receiver.events, t.receiver.times):
        if event["event"] != "progress" or event["bytes"] <= seen:
            continue
        seen = event["bytes"]
        if at >= since:
            longest, last = max(longest, at - last), at
    return longest


def finish(t):
    """Both ended well, and no move sent more again than can have been in flight. The kind of the last path."""
    t.finish(ENOUGH)
    kind = t.check_done()
    moves = sum(len(p.all("path")) for p in (t.sender, t.receiver)) - 2
    check(resent(t) <= max(moves, 0) * KEPT_MAX, f"{resent(t)} bytes sent again in {moves} moves\n{t.story()}")
    return kind


def begin(lab, options, kind, size=None):
    """A transfer that has begun, on a path of that kind. A busy machine may take the relay for a moment before."""
    t = lab.transfer(lab.file(size or LARGE), send=options, recv=options)
    paths = [p.wait_for("path", lambda e: e["kind"] == kind) for p in (t.receiver, t.sender)]
    t.receiver.wait_for("progress", lambda e: e["bytes"] > 0)
    return t, paths[0]


def calm(t):
    """Neither side left its path."""
    return not any(words in p.said() for p in (t.sender, t.receiver) for words in ("lost the path", "back on the relay"))


def next_path(program, before, seconds=30):
    return program.wait_for("path", lambda e: e["total_ms"] > before["total_ms"], seconds=seconds)


def relay_then_direct(bodkin, transport):
    with Lab(bodkin, "port", "port", "--delay", 10, *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        # large enough for the next race, should this one be lost
        t, first = begin(lab, ["--transport", transport], "relay", 4 * LARGE)
        unbar(lab)
        opened = time.monotonic()
        kind = finish(t)
        paths = [[e["kind"] for e in p.all("path")] for p in (t.sender, t.receiver)]
        check(kind == "direct" and paths == [["relay", "direct"]] * 2, f"paths {paths}\n{t.story()}")
        spoken = t.receiver.last("path")["transport"]
        check(spoken == transport, f"over {spoken}")
        return (f"relay after {first['elapsed_ms']:.0f} ms, direct over {spoken} after "
                f"{t.receiver.last('path')['elapsed_ms']:.0f} ms, digest equal, longest gap {gap(t, opened):.2f} s, "
                f"{resent(t) / 1e6:.1f} MB sent again"), {}


def back_within_the_minute(bodkin, transport):
    """Relay, then direct, and the direct path dies: the relay is still warm, and no server is asked."""
    with Lab(bodkin, "port", "port", "--delay", 10, *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        t, first = begin(lab, ["--transport", transport], "relay", 2 * LARGE)
        unbar(lab)
        direct = next_path(t.receiver, first)
        check(direct["kind"] == "direct", t.story())
        next_path(t.sender, first)
        moved = t.receiver.last("progress").get("bytes", 0)
        t.receiver.wait_for("progress", lambda e: e["bytes"] > moved + 2_000_000)
        bar(lab)
        died = time.monotonic()
        relay = next_path(t.receiver, direct)
        check(relay["kind"] == "relay", t.story())
        pause = time.monotonic() - died
        check(finish(t) == "relay", t.story())
        check(pause <= 1.5, f"back on the relay after {pause:.2f} s\n{t.story()}")
        return (f"direct over {transport}, cut, back on the relay {pause:.2f} s later, longest gap {gap(t, died):.2f} s, "
                f"{resent(t) / 1e6:.1f} MB sent again, digest equal"), {"pause_s": round(pause, 2)}


def direct_then_relay(bodkin, transport):
    """The direct path dies in the middle: both sides meet anew at the server, and the relay takes over."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, first = begin(lab, ["--transport", transport], "direct")
        died = time.monotonic()
        bar(lab)
        second = next_path(t.receiver, first)
        pause = time.monotonic() - died
        check(second["kind"] == "relay", f"then {second['kind']}\n{t.story()}")
        check(finish(t) == "relay", t.story())
        return (f"direct over {transport}, cut, on the relay {pause:.1f} s later, {resent(t) / 1e6:.1f} MB sent again, "
                "digest equal"), {"pause_s": round(pause, 2)}


def direct_again(bodkin, transport):
    """Nothing comes through for a while; with the first way that opens the two punch anew, without a relay."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, first = begin(lab, ["--transport", transport, "--path", "direct"], "direct")
        died = time.monotonic()
        bar(lab)
        t.receiver.wait_for("lost", lambda e: "lost the path" in e["text"], seconds=20)
        unbar(lab)
        next_path(t.receiver, first)
        pause = time.monotonic() - died
        check(finish(t) == "direct", t.story())
        return f"direct over {transport}, cut, direct again {pause:.1f} s later, digest equal", {"pause_s": round(pause, 2)}


def relay_only_at_first(bodkin, other, options=(), size=None):
    """The race is over and lost when the way opens: it is run again in the background, and a port guessed again."""
    with Lab(bodkin, "port", other, "--rate", 20) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        t, first = begin(lab, list(options), "relay", size)
        for p in (t.receiver, t.sender):
            p.wait_said("saw: ", 30)  # what is guessed is tried once: the way has to be there when that begins
        unbar(lab)
        second = next_path(t.receiver, first, seconds=40)
        check(finish(t) == "direct", t.story())
        return f"relay, the way opens too late for the race, {second['kind']} at the next one, digest equal", {}


def routers_forget(bodkin, transport):
    """Both routers lose their tables of connections, as when they are started again."""
    with Lab(bodkin, "sym", "port" if transport == "tcp" else "restricted", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, _ = begin(lab, ["--transport", transport], "relay" if transport == "tcp" else "direct")
        flushed = time.monotonic()
        for router in FAR:
            run(lab, router, "conntrack", "-F")
        kind = finish(t)
        return (f"{kind}, over {transport}, {'the path went on' if calm(t) else 'met anew'}, "
                f"longest gap {gap(t, flushed):.2f} s, {resent(t) / 1e6:.1f} MB sent again, digest equal"), {}


def change_address(lab, node, router_address, before, after):
    link = [line.split()[1].split("@")[0] for line in
            lab.command("exec", node, "ip", "-o", "-4", "addr").stdout.splitlines() if before in line][0]
    run(lab, node, "ip", "addr", "del", before, "dev", link)
    run(lab, node, "ip", "addr", "add", after, "dev", link)
    run(lab, node, "ip", "route", "replace", "default", "via", router_address)


def host_moves(bodkin, transport, by_sender):
    """One host gets another address in the middle, as when it changes its network."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, first = begin(lab, ["--transport", transport], "direct")
        node, net = ("a", 1) if by_sender else ("b", 2)
        moved = time.monotonic()
        change_address(lab, node, f"10.{net}.0.1", f"10.{net}.0.2/24", f"10.{net}.0.77/24")
        next_path(t.receiver, first)
        pause = time.monotonic() - moved
        kind = finish(t)
        return (f"direct over {transport}, the {'sender' if by_sender else 'receiver'} moves, {kind} {pause:.2f} s later, "
                f"longest gap {gap(t, moved):.2f} s, {resent(t) / 1e6:.1f} MB sent again, digest equal"), {"pause_s": round(pause, 2)}


def stopped(bodkin, transport, seconds):
    """A process that does nothing for a while is no dead path: over TCP the kernel goes on answering for it."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, _ = begin(lab, ["--transport", transport], "direct")
        for program in (t.receiver, t.sender):
            program.kill(signal.SIGSTOP)
            time.sleep(seconds)
            program.kill(signal.SIGCONT)
        check(finish(t) == "direct" and calm(t), t.story())
        return f"direct over {transport}, each side stopped for {seconds} s, the path stays", {}


def server_dies(bodkin, transport):
    """On a direct path nobody needs it."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, _ = begin(lab, ["--transport", transport], "direct")
        died = lab.server.kill()
        lab.server.wait()
        check(finish(t) == "direct" and calm(t), t.story())
        return f"direct over {transport} goes on without it, longest gap {gap(t, died):.2f} s, digest equal", {}


def server_starts_again(bodkin):
    """On the relay the session waits for it."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        state = lab.top / "server"
        lab.start_server("--state", state)
        t, first = begin(lab, ["--path", "relay"], "relay")
        died = lab.server.kill()
        lab.server.wait()
        t.receiver.wait_said("lost the path", 20)
        t.sender.wait_said("lost the path", 20)
        lab.server = None
        lab.start_server("--state", state)
        again = time.monotonic()
        next_path(t.receiver, first, seconds=60)
        pause = time.monotonic() - again
        check(finish(t) == "relay", t.story())
        return (f"relayed, the server is killed and started again, on the relay {pause:.2f} s after that, "
                f"longest gap {gap(t, died):.2f} s, {resent(t) / 1e6:.1f} MB sent again, digest equal"), {"pause_s": round(pause, 2)}


def udp_blocked(bodkin):
    """One side's router lets no UDP through: TCP connects, directly."""
    with Lab(bodkin, "port", "port") as lab:
        run(lab, "ra", "nft", "table ip bar { chain f { type filter hook forward priority -300; meta l4proto udp drop; }; }")
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        kind, spoken = t.check_done(), t.receiver.last("path")["transport"]
        check((kind, spoken) == ("direct", "tcp"), f"{kind} over {spoken}\n{t.story()}")
        return f"direct over tcp after {max(t.elapsed()):.0f} ms", {}


def guessing_forbidden(bodkin, a, b):
    """A router on the way answers that it is forbidden: the guess ends at once, and the sentence says why."""
    with Lab(bodkin, a, b) as lab:
        run(lab, "ra", "nft", f"table ip ban {{ chain f {{ type filter hook forward priority -300; ip daddr {FAR['ra']} "
                              "meta l4proto udp counter reject with icmp type admin-prohibited; }; }")
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), send=["--transport", "udp", "-v"], recv=["--transport", "udp"])
        check(t.check_done() == "relay", t.story())
        text = t.sender.last("path")["text"]
        check("(10.1.0.1) has forbidden to guess the port" in text, f"{text}\n{t.story()}")
        sent, = lab.counted("ra", "ban")
        check(0 < sent <= 100, f"{sent} packets were sent all the same")
        return f"relayed after {max(t.elapsed()):.0f} ms, {sent} packets were sent: {text}", {"packets": sent}


def helped(bodkin):
    """A NAT that looks into TFTP: its side's request, which dies behind it, has it let the other one's packets in."""
    with Lab(bodkin, "port", "sym", "--with", "helper:a", "--delay", 20) as lab:
        run(lab, "ra", "nft", "table ip count { chain f { type filter hook forward priority -300; udp dport 69 ip daddr "
                              f"{FAR['ra']} counter; ip daddr {FAR['ra']} udp dport != 69 ct state new counter; }}; }}")
        run(lab, "rb", "nft", "table ip file { chain f { type filter hook prerouting priority -300; udp dport 69 counter; }; }")
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), send=["--transport", "udp"], recv=["--transport", "udp"])
        check(t.check_done() == "direct", t.story())
        asked, guessed = lab.counted("ra", "count")
        seen, = lab.counted("rb", "file")
        took = max(t.elapsed())
        check(t.receiver.last("path")["technique"] == t.sender.last("path")["technique"] == "punch", t.story())
        check(1 <= asked <= 2 and not seen and guessed < 120, f"{asked} requests, {seen} seen over there, {guessed} ports guessed beside")
        return f"direct after {took:.0f} ms, {asked} requests that nobody over there saw, {guessed} ports guessed meanwhile", {}


def what_worked_is_tried_first(bodkin):
    """These two need no guess, which nobody can know at first: the second time they remember. A spoilt file is told of."""
    with Lab(bodkin, "restricted", "sym", "--delay", 10) as lab:
        run(lab, "rb", "nft", f"table ip count {{ chain f {{ type filter hook forward priority -300; ip daddr {FAR['rb']} "
                              "meta l4proto udp ct state new counter; }; }")
        lab.start_server("--state", lab.top / "server")
        opened, file = [0], lab.state_home / "bodkin" / "paths"
        for _ in range(2):
            t = lab.transfer(lab.file(SMALL), send=["--transport", "udp"], recv=["--transport", "udp"])
            check(t.check_done() == "direct", t.story())
            opened += lab.counted("rb", "count")
        first, second = opened[1] - opened[0], opened[2] - opened[1]
        check(first > 100 and second < 20, f"{first} flows at first, {second} then\n{t.story()}")
        check(file.stat().st_mode & 0o777 == 0o600 and len(file.read_text().splitlines()) == 3, file.read_text())
        file.write_text("spoilt\n")
        t = lab.transfer(lab.file(SMALL), send=["--transport", "udp"], recv=["--transport", "udp"])
        check(t.check_done() == "direct", t.story())
        told = [line for p in (t.sender, t.receiver) for line in p.said().splitlines() if f"{file} (" in line]
        check(told and "it begins anew" in told[0], t.story())
        return f"{first} flows through the symmetric NAT at first, {second} when it is remembered; {told[0]}", {}


def only_the_server(bodkin):
    """Nothing between the two but through the server."""
    with Lab(bodkin, "port", "port", "--delay", 20) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        t = lab.transfer(lab.file(SMALL))
        check(t.check_done() == "relay", t.story())
        return f"relayed after {max(t.elapsed()):.0f} ms", {}


def cases(bodkin):
    yield "udp blocked on one side", lambda: udp_blocked(bodkin)
    yield "guessing is forbidden on the way, here it guesses", lambda: guessing_forbidden(bodkin, "port", "sym")
    yield "guessing is forbidden on the way, here it is guessed", lambda: guessing_forbidden(bodkin, "sym", "port")
    yield "a helper in the NAT lets the other side in", lambda: helped(bodkin)
    yield "what worked is tried first", lambda: what_worked_is_tried_first(bodkin)
    yield "all blocked but the server", lambda: only_the_server(bodkin)
    yield "relay, a direct path at the next race", lambda: relay_only_at_first(bodkin, "port")
    yield "relay, a port guessed at the next race", lambda: relay_only_at_first(
        bodkin, "sym", ["--transport", "udp"], 16_000_000)
    yield "the server dies and comes back, relay", lambda: server_starts_again(bodkin)
    yield "stopped for a moment, udp", lambda: stopped(bodkin, "udp", 0.5)
    yield "stopped for a moment, tcp", lambda: stopped(bodkin, "tcp", 1.5)
    for transport in ("udp", "tcp"):
        yield f"direct, cut, direct again, {transport}", lambda tr=transport: direct_again(bodkin, tr)
        yield f"direct, then the relay, {transport}", lambda tr=transport: direct_then_relay(bodkin, tr)
        yield f"relay first, then direct over {transport}", lambda tr=transport: relay_then_direct(bodkin, tr)
        yield f"relay, direct, back within the minute, {transport}", lambda tr=transport: back_within_the_minute(bodkin, tr)
        yield f"routers forget everything, {transport}", lambda tr=transport: routers_forget(bodkin, tr)
        yield f"the server dies, {transport}", lambda tr=transport: server_dies(bodkin, tr)
        for by_sender in (False, True):
            yield (f"{'sender' if by_sender else 'receiver'} changes its address, {transport}",
                   lambda tr=transport, s=by_sender: host_moves(bodkin, tr, s))
