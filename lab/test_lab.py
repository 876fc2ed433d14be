#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prove that the laboratory is what it says: each NAT type by sockets of our own in a, b and s, over UDP and TCP,
the wire by measuring it, and that nothing is left behind.

    test_lab.py [COMMAND...]      the command of the lab, 'build/bodkin lab' if none is given

Prints 'N passed, N failed'; exit code 0, 1, or 77 where no lab can be raised on this machine.
"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from agents import LAB, Up, lab

LAB += sys.argv[1:] or ["build/bodkin", "lab"]
LAB[0] = os.path.abspath(LAB[0])
S1, S2 = "45.10.20.1", "45.10.20.2"
TYPES = {  # the words of lab/nat_types.c, said again on purpose
    "open": ("endpoint", "endpoint", "preserving"),
    "full": ("endpoint", "endpoint", "preserving"),
    "restricted": ("endpoint", "address", "preserving"),
    "port": ("endpoint", "port", "preserving"),
    "sym": ("port", "port", "random"),
    "symseq": ("port", "port", "sequential"),
    "symdec": ("port", "port", "descending"),
    "sympar": ("port", "port", "parity"),
    "symblock:128": ("port", "port", "block"),
    "symblock:512": ("port", "port", "block"),
    "symblock:2048": ("port", "port", "block"),
    "cgn-port": ("endpoint", "port", "preserving"),
    "cgn-sym": ("port", "port", "random"),
}

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# ---- what a NAT does, seen from outside -----------------------------------------------------------------

def udp_mapping(host, s):
    s(f"p = udp(5000, '{S1}'); q = udp(5001, '{S1}'); r = udp(5000, '{S2}')")
    host(f"""u = udp(4100)
for to in (('{S1}', 5000), ('{S1}', 5001), ('{S2}', 5000)): u.sendto(b'm', to)""")
    p, q, r = s("result = [x.recvfrom(9)[1][1] for x in (p, q, r)]")
    if p == q == r:
        return "endpoint"
    return "address" if p == q else "port" if q != r and p != r else "odd"


def udp_filtering(host, s):
    """Only 45.10.20.1:5000 was sent to. Its own answer, sent last, marks the end."""
    host(f"v = udp(4200); v.sendto(b'f', ('{S1}', 5000))")
    s("""to = p.recvfrom(9)[1]
for x, name in ((r, b'address'), (q, b'port'), (p, b'end')): x.sendto(name, to)""")
    got = host("""result = []
while 'end' not in result: result.append(v.recvfrom(99)[0].decode())""")
    return "endpoint" if "address" in got else "address" if "port" in got else "port"


def classify_ports(pairs):
    """Pairs of inside and outside ports, in the order in which the flows began."""
    steps = {b[1] - a[1] for a, b in zip(pairs, pairs[1:])}
    halves = [[b for a, b in pairs if a % 2 == odd] for odd in (0, 1)]
    if all(a % 2 == b % 2 for a, b in pairs) and all(b - a == 2 for h in halves for a, b in zip(h, h[1:])):
        return "parity"  # which a single sequence is not, as even and odd inside ports do not alternate
    if steps == {-1}:
        return "descending"
    if all(inside == outside for inside, outside in pairs):
        return "preserving"
    return "sequential" if steps == {1} else "random" if len(steps) > 3 else f"odd {pairs}"


def udp_allocation(host, s):
    inside = host(f"""k = [udp(4300 + 7 * i * (i + 1) // 2) for i in range(8)]
for x in k: x.sendto(b'a', ('{S1}', 5000))
result = [x.getsockname()[1] for x in k]""")
    outside = s("result = [p.recvfrom(9)[1][1] for _ in range(8)]")
    return classify_ports(list(zip(inside, outside)))


def tcp_mapping(host, s):
    s(f"lp = listen(6000, '{S1}'); lq = listen(6001, '{S1}'); lr = listen(6000, '{S2}')")
    assert host(f"""c = [tcp(4400) for _ in range(3)]
result = [reach(x, to) for x, to in zip(c, (('{S1}', 6000), ('{S1}', 6001), ('{S2}', 6000)))]""") == ["connected"] * 3
    p, q, r = s("kept = [x.accept() for x in (lp, lq, lr)]; result = [x[1][1] for x in kept]")
    if p == q == r:
        return "endpoint"
    return "address" if p == q else "port" if q != r and p != r else "odd"


def tcp_filtering(host, s):
    """Routers must answer with a reset here, so that a refusal is an event and not a wait."""
    assert host(f"d = tcp(4500); result = reach(d, ('{S1}', 6000)); dl = listen(4500)") == "connected"
    address, port = s(f"""kept, to = lp.accept()
result = [reach(tcp(0, '{S2}'), to), reach(tcp(0, '{S1}'), to)]""")
    assert {address, port} <= {"connected", "ECONNREFUSED"}, (address, port)
    return "endpoint" if address == "connected" else "address" if port == "connected" else "port"


def tcp_allocation(host, s):
    inside = host(f"""t = [tcp(4600 + 7 * i * (i + 1) // 2) for i in range(8)]
for x in t: x.connect(('{S1}', 6000))
result = [x.getsockname()[1] for x in t]""")
    outside = s("kept = [lp.accept() for _ in range(8)]; result = [x[1][1] for x in kept]")
    return classify_ports(list(zip(inside, outside)))


def check_types(type_a, type_b):
    with Up(type_a, type_b, "--answer=reset") as (a, b, s):
        for host, name in ((a, type_a), (b, type_b)):
            udp = (udp_mapping(host, s), udp_filtering(host, s), udp_allocation(host, s))
            tcp = (tcp_mapping(host, s), tcp_filtering(host, s), tcp_allocation(host, s))
            assert udp == TYPES[name], f"{name} over UDP is {udp}"
            assert tcp == TYPES[name], f"{name} over TCP is {tcp}"
            s("for x in (p, q, r, lp, lq, lr): x.close()")


@test
def open_and_full_are_what_they_say():
    check_types("open", "full")


@test
def restricted_and_port_are_what_they_say():
    check_types("restricted", "port")


@test
def sym_and_symseq_are_what_they_say():
    check_types("sym", "symseq")


@test
def sympar_and_symdec_are_what_they_say():
    check_types("sympar", "symdec")


@test
def carriers_are_what_they_say():
    check_types("cgn-port", "cgn-sym")


@test
def the_table_of_types_is_the_one_tested():
    listed = {line.split()[0] for line in lab(check=False).stderr.partition("Types of NAT:\n")[2].splitlines()}
    assert set(TYPES) == listed, listed


# ---- routers, the way between, the wire ------------------------------------------------------------------

@test
def routers_answer_as_asked():
    probe = """k = tcp(0); k.settimeout(0.15); k.setsockopt(0, 11, 1)
result = [reach(k, ('45.10.21.10', 7000)), icmp_from(k) is not None]"""
    ask_udp = """u = udp(); u.settimeout(0.15); u.connect(('45.10.21.10', 7001)); u.send(b'?')
try: result = str(u.recv(9))
except OSError as e: result = type(e).__name__"""
    expected = {
        "drop": (["timeout", False], "TimeoutError"),
        "reject": (["ECONNREFUSED", True], "ConnectionRefusedError"),
        "reset": (["ECONNREFUSED", False], "ConnectionRefusedError"),
        "accept": (["connected", False], "ConnectionRefusedError"),
    }
    for answer, (over_tcp, over_udp) in expected.items():
        with Up("port", "port", "--answer", answer, nodes="s ra") as (s, ra):
            ra("keep = listen(7000)")
            assert (got := s(probe)) == over_tcp, (answer, got)
            assert (got := s(ask_udp)) == over_udp, (answer, got)


@test
def noise_takes_as_many_ports_as_asked_on_its_side():
    """From one flow of b to its next one others take ports, as many as the time between them makes likely."""
    with Up("symseq", "symseq", "--with", "noise:500:b") as (a, b, s):
        s(f"p = udp(5000, '{S1}'); p.settimeout(2)")
        ask = f"u = udp(); u.sendto(b'n', ('{S1}', 5000)); result = time.monotonic()"
        seen = "result = p.recvfrom(9)[1][1]"
        begun, first = b(ask), s(seen)
        others, now = 0, begun
        while others < 100 and now < begun + 2:
            select.select([], [], [], 0.02)
            now, others = b(ask), s(seen) - first
        assert others >= 100 and 0.1 <= now - begun <= 0.4, (others, now - begun)
        alone = [a(ask) and s(seen) for _ in range(2)]
        assert alone[1] - alone[0] == 1, alone


HEARD = """result = []
try:
    while True: result.append(u.recv(9).decode())
except OSError: pass"""


@test
def a_silent_flow_is_forgotten_when_its_lifetime_is_over():
    with Up("port", "sym", "--with", "lifetime:1:a") as (a, b, s):
        for host in (a, b):
            host(f"u = udp(); u.settimeout(0.1); u.sendto(b'l', ('{S1}', 5000))")
        s(f"p = udp(5000, '{S1}')")
        s("begun = time.monotonic(); to = []")
        for host in (a, b):
            host(f"u.sendto(b'l', ('{S1}', 5000))")
            s("to.append(p.recvfrom(9)[1])")
        s("for t in to: p.sendto(b'early', t)")
        assert a(HEARD) == b(HEARD) == ["early"]
        s("select.select([], [], [], begun + 1.4 - time.monotonic()); [p.sendto(b'late', t) for t in to]")
        assert (a(HEARD), b(HEARD)) == ([], ["late"])


@test
def a_small_table_has_room_for_so_many_flows():
    """The newest ones find none; those that are there go on."""
    with Up("port", "port", "--with", "small-table:20:a") as (a, b, s):
        s(f"p = udp(5000, '{S1}'); p.settimeout(0.1)")
        for host, room in ((a, 20), (b, 30)):
            host(f"u = [udp() for _ in range(30)]; [x.sendto(bytes([i]), ('{S1}', 5000)) for i, x in enumerate(u)]")
            got = s("""result = []
try:
    while True: result.append(p.recvfrom(9)[0][0])
except TimeoutError: pass""")
            assert got == list(range(room)), got
        a(f"for x in u: x.sendto(b'!', ('{S1}', 5000))")
        assert s("result = len([p.recvfrom(9) for _ in range(20)])") == 20


@test
def a_hairpin_leads_back_in_at_the_address_outside():
    for hairpin in (True, False):
        with Up("full", "port", *(["--with", "hairpin"] if hairpin else [])) as (a, b, s):
            for host, outside in ((a, "45.10.21.10"), (b, "45.10.22.10")):
                got = host(f"""u = udp(4000); u.settimeout(0.2); v = udp(4001)
u.sendto(b'open', ('{S1}', 9)); v.sendto(b'pin', ('{outside}', 4000))
try: result = u.recvfrom(9)[1]
except OSError: result = None""")
                assert got == ([outside, 4001] if hairpin else None), (hairpin, got)


@test
def walls_let_through_what_they_say():
    with Up("port", "port", "--with", "udp-blocked:a", "--with", "https-only:b", "--answer=reset") as (a, b, s):
        s(f"p = udp(5000, '{S1}'); p.settimeout(0.1); ls = [listen(n, '{S1}') for n in (443, 6000)]")
        found = []
        for host in (a, b):
            host.ask(f"udp().sendto(b'w', ('{S1}', 5000)); t = [tcp() for _ in range(2)]; [x.settimeout(0.2) for x in t]; "
                     f"result = [reach(x, ('{S1}', n)) for x, n in zip(t, (443, 6000))]")
            over_udp = s("try: result = p.recv(9) and True\nexcept TimeoutError: result = False")
            found.append((over_udp, *host.answer()))
        assert found == [(False, "connected", "connected"), (False, "connected", "timeout")], found


@test
def a_small_ttl_dies_between_the_nats():
    with Up("port", "port", nodes="a") as (a,):
        offender = a("""u = udp(); u.setsockopt(0, 11, 1); u.setsockopt(0, 2, 2)
u.connect(('45.10.22.10', 9)); u.send(b'x')
try: u.recv(9)
except OSError: pass
result = icmp_from(u)""")
        assert offender == "45.10.21.1", offender


@test
def two_port_restricted_sides_open_simultaneously():
    for delay in "0", "10":
        with Up("port", "port", "--delay", delay, nodes="a b") as (a, b):
            a("c = tcp(4000)")
            b("c = tcp(4000)")
            a.ask("result = [reach(c, ('45.10.22.10', 4000)), c.send(b'from a')]")
            b.ask("result = [reach(c, ('45.10.21.10', 4000)), c.send(b'from b')]")
            assert a.answer() == b.answer() == ["connected", 6]
            assert (a("result = c.recv(9).decode()"), b("result = c.recv(9).decode()")) == ("from b", "from a")


@test
def open_sides_have_ipv6_too():
    with Up("open", "open", nodes="a b") as (a, b):
        b("l = listen(80, '::', socket.AF_INET6)")
        assert a("result = reach(tcp(0, '::', socket.AF_INET6), ('2001:db8:b:1::2', 80))") == "connected"


ECHO = """import threading
e = udp(9000); e.settimeout(None)
def echo():
    while True: e.sendto(*e.recvfrom(2000))
threading.Thread(target=echo, daemon=True).start()"""

ROUND_TRIPS = """u = udp(); u.connect((%r, 9000)); result = []
for i in range(%d):
    t = time.monotonic(); u.send(b'p'); u.recv(9); result.append((time.monotonic() - t) * 1000)
result.sort()"""


@test
def delay_is_split_between_the_two_links():
    with Up("open", "port", "--delay", "20") as (a, b, s):
        a(ECHO)
        s(ECHO)
        to_a, to_s = b(ROUND_TRIPS % ("45.10.21.130", 7)), b(ROUND_TRIPS % (S1, 7))
        assert 40 <= to_a[0] and to_a[3] < 44, to_a
        assert 20 <= to_s[0] and to_s[3] < 23, to_s


@test
def jitter_adds_at_most_what_was_asked():
    with Up("open", "open", "--delay=4", "--jitter=8", nodes="a b") as (a, b):
        a(ECHO)
        trips = b(ROUND_TRIPS % ("45.10.21.130", 40))
        assert 8 <= trips[0] and trips[-3] < 8 + 16 + 2 and trips[-3] - trips[2] > 4, trips


@test
def loss_is_about_what_was_asked_and_order_is_kept():
    with Up("open", "open", "--loss", "20", "--delay", "2", "--jitter", "2", nodes="a b") as (a, b):
        a("u = udp(9000); u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20); u.settimeout(0.2)")
        b("""u = udp(); u.connect(('45.10.21.130', 9000))
for i in range(1000): u.send(struct.pack('!H', i))""")
        got = a("""result = []
try:
    while True: result.append(struct.unpack('!H', u.recv(9))[0])
except TimeoutError: pass""")
        assert got == sorted(got), "reordered"
        assert 720 <= len(got) <= 880, len(got)


@test
def rate_is_kept_and_its_queue_is_bounded():
    with Up("open", "open", "--rate", "10", nodes="a b") as (a, b):
        a("u = udp(9000); u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20); u.settimeout(0.2)")
        b("u = udp(); u.connect(('45.10.21.130', 9000))\nfor i in range(300): u.send(bytes(1208))")
        times = a("""result = []
try:
    while True: u.recv(2000); result.append(time.monotonic())
except TimeoutError: pass""")
        took = times[-1] - times[0]  # 1250 bytes on the wire: 1 ms each, a queue of 100 ms, the rest is dropped
        assert 98 <= len(times) <= 115, len(times)
        assert 0.092 < took < 0.130, took


# ---- the lab as a program --------------------------------------------------------------------------------

@test
def exec_is_transparent():
    up = lab("up", "port", "full")
    assert "bodkin lab exec a COMMAND" in up.stdout and "bodkin lab down" in up.stdout, up
    try:
        assert lab("exec", "a", "sh", "-c", "exit 7", check=False).returncode == 7
        assert lab("exec", "a", "no-such-command", check=False).returncode == 127
        assert lab("exec", "b", "pwd", cwd="/tmp").stdout.strip() == "/tmp"
        assert lab("exec", "s", "cat", input="through").stdout == "through"
        assert lab("exec", "a", "id", "-u").stdout.strip() == "0"
        assert lab("exec", "a", "--", *LAB, "exec", "s", "echo", "nested").stdout == "nested\n"
        killed = subprocess.Popen(LAB + ["exec", "a", "sleep", "60"])
        killed.send_signal(signal.SIGTERM)
        assert killed.wait(5) == -signal.SIGTERM
        assert lab("exec", "ca", "true", check=False).returncode == 125
        assert lab("exec", "x", "true", check=False).returncode == 2
        assert "nat_lab" in lab("exec", "ra", "nft", "list", "ruleset", env=sbin_env()).stdout
    finally:
        lab("down")


def sbin_env():
    return dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@test
def bad_words_are_usage_errors():
    for bad in (["up", "port"], ["up", "port", "cone"], ["up", "port", "port", "--delay"], ["fly"], [],
                ["up", "port", "port", "--delay=-1"], ["up", "port", "port", "--loss=101"], ["exec", "a"],
                ["up", "port", "port", "--answer", "sing"], ["up", "port", "port", "--with", "cake"],
                ["up", "port", "port", "--with", "pcp:c"], ["up", "port", "port", "--with", "noise"],
                ["up", "port", "port", "--with", "noise:0"], ["up", "port", "port", "--with", "noise:5x"], ["up", "port", "port", "--with", "pcp:5"],
                ["up", "port", "sym", "--with", "hairpin"], ["up", "port", "sym", "--with", "small-table:7"],
                ["up", "open", "port", "--with", "pcp:a"], ["matrix", "--with", "fw6"],
                ["matrix", "--types", "open,sym", "--with", "hairpin:b"], ["down", "--name", "../x"], ["up", "a", "b", "c"]):
        done = lab(*bad, check=False)
        assert done.returncode == 2 and done.stderr, (bad, done)


@test
def a_picture_that_cannot_be_written_is_said_before_anything_is_measured():
    done = lab("matrix", "--types", "open", "--svg", "/proc/no-such-folder/matrix.svg", check=False)
    assert done.returncode == 7 and "/proc/no-such-folder/matrix.svg" in done.stderr and not done.stdout, done


@test
def home_routers_give_ports_as_asked():
    """ANNOUNCE of PCP (24 bytes), NAT-PMP's outer address (2), a search for UPnP; each is answered, or not."""
    questions = [(["pcp"], "a"), (["natpmp"], "a"), (["upnp"], "a"), (["miniupnpd"], "ab"), ([], "")]
    for services, sides in questions:
        at = f":{sides}" if len(sides) == 1 else ""
        with Up("port", "port", *[w for s in services for w in ("--with", s + at)], nodes="a b") as agents:
            for letter, agent in zip("ab", agents):
                wanted = [letter in sides and (s in services or services == ["miniupnpd"]) for s in ("pcp", "natpmp", "upnp")]
                gateway = f"10.{1 + (letter == 'b')}.0.1"
                found = agent(f"""result = []
me = socket.inet_aton('10.{1 + (letter == 'b')}.0.2')
search = (b'M-SEARCH * HTTP/1.1\\r\\nHOST: 239.255.255.250:1900\\r\\nMAN: "ssdp:discover"\\r\\nMX: 1\\r\\n'
          b'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\\r\\n\\r\\n')
asked = [udp() for _ in range(3)]
for u, port, text in zip(asked, (5351, 5351, 1900), (bytes([2, 0]) + bytes(16) + b'\\xff\\xff' + me, bytes(2), search)):
    u.sendto(text, ('{gateway}', port))
end = time.monotonic() + 0.25
waiting, heard = list(asked), set()
while len(heard) < 3 and time.monotonic() < end:
    for u in select.select(waiting, [], [], 0.05)[0]:
        waiting.remove(u)
        try: u.recv(2000) and heard.add(u)
        except OSError: pass
result = [u in heard for u in asked]""")
                assert found == wanted, (services, letter, found)


def spaces():
    """All network namespaces that a process of ours is in or holds open."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
            for fd in os.listdir(f"/proc/{pid}/fd"):
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
                if link.startswith("net:"):
                    found.add(link)
        except OSError:
            pass
    return found


def holder():
    return json.loads(lab("status", "--json").stdout)["holder"]


def gone(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def children(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


@test
def a_name_is_taken_once():
    lab("up", "port", "full")
    first = holder()
    again = lab("up", "sym", "sym", check=False)
    assert again.returncode == 1 and "already up" in again.stderr, again
    lab("up", "sym", "sym", "--name", "second")
    assert holder() == first
    lab("down", "--name=second")
    lab("up", "sym", "sym", "--replace", "--with=noise:5:b", "--with=noise:7:a", "--with=pcp")
    assert json.loads(lab("status", "--json").stdout)["with"] == ["pcp", "noise:7:a", "noise:5:b"]
    assert json.loads(lab("status", "--json").stdout)["a"]["type"] == "sym" and gone(first)
    lab("down")
    assert lab("down", check=False).returncode == 1
    assert lab("status", check=False).returncode == 1


@test
def a_killed_holder_takes_all_along():
    lab("up", "port", "port", "--delay", "1", "--with", "noise:5:a")
    pid = holder()
    beside = children(pid)
    fds = [os.pidfd_open(p) for p in [pid] + beside]
    os.kill(pid, signal.SIGKILL)
    for fd in fds:
        assert select.select([fd], [], [], 5)[0], "a process outlives its holder"
        os.close(fd)
    assert len(beside) == 3  # two wires and the noise
    assert lab("status", check=False).returncode == 1
    lab("up", "port", "port")
    lab("down")


@test
def a_dead_wire_ends_the_lab():
    lab("up", "port", "port", "--delay", "1")
    pid = holder()
    fd = os.pidfd_open(pid)
    os.kill(children(pid)[0], signal.SIGKILL)
    assert select.select([fd], [], [], 5)[0]
    os.close(fd)
    assert lab("status", check=False).returncode == 1


@test
def down_ends_what_still_runs_inside():
    lab("up", "port", "port")
    left = subprocess.Popen(LAB + ["exec", "a", "sh", "-c", "trap '' TERM; echo; read x"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    left.stdout.readline()
    assert "ended 1 command" in lab("down").stdout
    assert left.wait(5) == -signal.SIGKILL
    left.stdin.close()
    left.stdout.close()


@test
def nothing_is_left_behind():
    before = spaces()
    for i in range(5):
        lab("up", "cgn-sym", "port", *(["--delay", "1"] if i % 2 else []))
        assert len(spaces()) > len(before)
        lab("down")
    assert spaces() <= before, spaces() - before
    assert os.listdir(os.environ["BODKIN_LAB_DIR"]) == []


def as_user(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", "-u", "BODKIN_LAB_DIR", "-u",
            "XDG_RUNTIME_DIR", "HOME=/tmp", "PATH=/usr/local/bin:/usr/bin:/bin"]


def run_as(user):
    """The whole list again, as a user without rights, with the usual folder for its state."""
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    command = [python, os.path.abspath(__file__), *LAB]
    if any(subprocess.run(as_user(user) + ["test", "-r", path]).returncode for path in command[:3]):
        print(f"(not run: user {user} may not read {command[1]} or {command[2]})")
        return 0, 0
    done = subprocess.run(as_user(user) + command, text=True, stdout=subprocess.PIPE, cwd="/")
    lines = done.stdout.splitlines()
    print("\n".join(f"  {line}" for line in lines))
    assert lines, "the unprivileged run said nothing"
    words = lines[-1].split()
    return int(words[0]), int(words[2])


def main():
    directory = tempfile.mkdtemp(prefix="bodkin-lab-test-")
    os.environ["BODKIN_LAB_DIR"] = directory
    os.environ.pop("BODKIN_LAB_NAME", None)
    probe = lab("probe", check=False)
    if probe.returncode != 0:
        print(probe.stderr.strip())
        print("0 passed, 0 failed")
        os.rmdir(directory)
        return 77 if probe.returncode == 3 else 1
    passed = failed = 0
    for one in TESTS:
        started = time.monotonic()
        try:
            one()
            passed += 1
            print(f"ok    {one.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL  {one.__name__}\n{traceback.format_exc()}", flush=True)
            lab("down", check=False)
    shutil.rmtree(directory)
    if os.geteuid() == 0 and shutil.which("setpriv"):
        print("as a user without rights:", flush=True)
        more, wrong = run_as(65534)
        passed, failed = passed + more, failed + wrong
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
