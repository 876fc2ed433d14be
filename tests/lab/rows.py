# SPDX-License-Identifier: Apache-2.0
"""The table of scenarios through real NATs, and how long connecting takes. The rows are the program's own
(lab/scenarios.c); here they are only run.
"""
import json
import math
import statistics
import subprocess

from lab import SERVER_6, Lab, check

SMALL = 20_000
RUNS_TIMED = 11
# The server lets one address ask for five reach tests in a burst, ten codes a minute. A server of its own for each
# five runs keeps every run like the first.
RUNS_OF_A_SERVER = 5
MUST_CONNECT_MS, MUST_RELAY_MS, DRIFT = 25, 40, 4
# With so many runs of each row asked for, the table's limits hold as they are written. With fewer, in a suite that
# shares its machine, times get room, and one run of a row may be relayed on a bad line (it needs two losses in a row) or
# where routers accept early packets (a machine so busy that an opener leaves some milliseconds late).
STRICT_RUNS = 10
FIREWALL_6 = ("table ip6 wall { chain in { type filter hook input priority 0; policy drop; "
              "ct state established,related accept; meta l4proto ipv6-icmp accept; iifname lo accept; }; }")
RUNS_DELAYED = 3
RUNS_AMONG_OTHERS = 5
RANDOM, STRICT = {"sym", "cgn-sym", "symblock"}, {"port", "cgn-port"}
SEQUENTIAL = {"symseq", "symdec", "sympar"}
RUNS_OF_CHANCE, FALSE_ALARM = 6, 1e-5
RELAYED = "relayed by the server"


def table(bodkin):
    done = subprocess.run([bodkin, "lab", "scenarios", "--json"], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def name_of(row):
    words = [f"{row['a']}-{row['b']}"] + ([row["transport"]] if row["transport"] != "tcp" else [])
    if row["answer"] != "drop":
        words.append(row["answer"])
    if row["delay_ms"]:
        words.append(f"{row['delay_ms']}ms")
    if row["loss_percent"]:
        words.append(f"{row['loss_percent']}%")
    return " ".join(words)


def shape_of(row):
    delay = ["--delay", row["delay_ms"]] if row["delay_ms"] else []
    loss = ["--loss", row["loss_percent"]] if row["loss_percent"] else []
    return ["--answer", row["answer"], *delay, *loss]


def kinds_of(row):
    return {row[side].split(":")[0] for side in "ab"}


def is_guessed_long(row):
    """A random port is guessed: the relay carries meanwhile, so the direct path is asked for alone."""
    kinds = kinds_of(row)
    return row["expected"] == "direct" and kinds & RANDOM and kinds & STRICT


def more_options(row):
    return ["--path", "direct"] if is_guessed_long(row) else []


def is_chance(row):
    """Ports are guessed, and the percentage is how likely one run is to be direct: not how many of them have to be."""
    return row["expected"] == "direct" and row["min_direct_percent"] < 100 and bool(kinds_of(row) & (RANDOM | SEQUENTIAL))


def least_direct(runs, percent):
    """What fewer of so many runs would be direct with a chance below 1 in 100,000. Of 98 %: 3 of 6; P(2 or fewer) is
    6! / (4! 2!) * 0.02^4 * 0.98^2 and what comes beyond it, 2.3e-6. Of 99 %: 3 of 5; 10 * 0.01^3 * 0.99^2, 9.9e-6.
    """
    p, total = percent / 100, 0
    for direct in range(runs + 1):
        total += math.comb(runs, direct) * p**direct * (1 - p)**(runs - direct)
        if total >= FALSE_ALARM:
            return direct
    return runs


def check_indirect(lab, t):
    """A run that was not direct, as the relay was refused: it says so, and the next one may use it and connects."""
    check(t.finish() != (0, 0) and "no direct path" in t.story(), f"neither direct nor refused\n{t.story()}")
    again = lab.transfer(t.path, send=["--transport", "udp"], recv=["--transport", "udp"])
    kind = again.check_done()
    check(kind == "direct" or RELAYED in again.story(), again.story())


def check_chance(lab, row, runs):
    """How many of the runs were direct, in what times; each of the others still connected."""
    more = more_options(row)
    direct, times = 0, []
    for t in tries(lab, runs, row["transport"], more):
        if more and t.finish() != (0, 0):
            check_indirect(lab, t)
            continue
        kind = t.check_done()
        check(kind == "direct" or RELAYED in t.story(), t.story())
        direct += kind == "direct"
        times.append(max(t.elapsed()))
    least = least_direct(runs, row["min_direct_percent"])
    text = f"{direct}/{runs} direct, {spread(times)}"
    check(direct >= least, f"{text}; wanted {least}")
    return text, {"runs": runs, "direct": direct, "median_ms": statistics.median(times)}


def tries(lab, runs, transport="tcp", more=()):
    """The transfers, begun one after the other."""
    options = (["--transport", transport] if transport != "any" else []) + list(more)
    path = lab.file(SMALL)
    for i in range(runs):
        if i % RUNS_OF_A_SERVER == 0:
            lab.start_server("--state", lab.top / "server")
        yield lab.transfer(path, send=options, recv=options)


def repeat(*args):
    """The same, each checked and done."""
    for t in tries(*args):
        t.kind = t.check_done()
        yield t


def spread(values):
    return f"median {statistics.median(values):.0f} ms (worst {max(values):.0f})"


def numbers(transfers):
    a, b = zip(*(t.elapsed() for t in transfers))
    return {"runs": len(a), "direct": sum(t.kind == "direct" for t in transfers),
            "median_a_ms": round(statistics.median(a), 2), "worst_a_ms": round(max(a), 2),
            "median_b_ms": round(statistics.median(b), 2), "worst_b_ms": round(max(b), 2)}, [*map(max, zip(a, b))]


def run_row(bodkin, row, at_least):
    strict = at_least >= STRICT_RUNS
    runs = max(row["runs"], RUNS_DELAYED if row["delay_ms"] and not strict else at_least)
    with Lab(bodkin, row["a"], row["b"], *shape_of(row)) as lab:
        if is_chance(row):
            return check_chance(lab, row, max(runs, RUNS_OF_CHANCE))
        transfers = list(repeat(lab, runs, row["transport"], more_options(row)))
        found, slower = numbers(transfers)
        text = f"{found['direct']}/{runs} direct, {spread(slower)}"
        astray = [t for t in transfers if t.kind != row["expected"]]
        if row["expected"] == "relay":
            check(not astray, f"{text}; all should be relayed\n{astray and astray[0].story()}")
            return text, found
        is_rough = row["loss_percent"] or row["transport"] != "tcp" and row["answer"] == "accept"
        forgiven = 1 if is_rough and not strict else 0
        enough = (found["direct"] + forgiven) * 100 >= row["min_direct_percent"] * runs
        check(enough, f"{text}; wanted {row['min_direct_percent']} %\n{astray and astray[0].story()}")
        direct = [t for t in transfers if t.kind == "direct"]
        spoken = {p.last("path")["transport"] for t in direct for p in (t.sender, t.receiver)}
        check(row["transport"] == "any" or spoken == {row["transport"]}, f"over {spoken}")
        limit = row["median_max_ms"] * (1 if strict else DRIFT)
        slow = limit and statistics.median(slower) > limit
        check(not slow, f"{text}; wanted {limit} ms\n{slow and transfers[slower.index(max(slower))].story()}")
    return text, found


def run_among_others(bodkin, a, b, rate):
    with Lab(bodkin, a, b, "--with", f"noise:{rate}:b") as lab:
        found, slower = numbers(list(repeat(lab, RUNS_AMONG_OTHERS, "udp")))
    text = f"{found['direct']}/{RUNS_AMONG_OTHERS} direct, {spread(slower)}"
    check(found["direct"] == RUNS_AMONG_OTHERS, text)
    return text, found


def run_polite(bodkin):
    """One of the two does not want ports to be guessed."""
    with Lab(bodkin, "port", "symseq") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), recv=["--polite"])
        kind = t.check_done()
        check(kind == "relay", f"{kind}\n{t.story()}")
        return f"relayed, {max(t.elapsed()):.0f} ms", {}


def run_timed(bodkin, a, b):
    with Lab(bodkin, a, b) as lab:
        found, _ = numbers(list(repeat(lab, RUNS_TIMED)))
    text = (f"{RUNS_TIMED} runs, median {found['median_a_ms']:.1f} ms at a (worst {found['worst_a_ms']:.1f}), "
            f"{found['median_b_ms']:.1f} at b ({found['worst_b_ms']:.1f}); must {MUST_CONNECT_MS}")
    check(found["direct"] == RUNS_TIMED, f"{text}; {found['direct']} direct")
    check(max(found["median_a_ms"], found["median_b_ms"]) <= DRIFT * MUST_CONNECT_MS, text)
    return text, found


def run_relay_timed(bodkin):
    with Lab(bodkin, "sym", "sym") as lab:
        found, _ = numbers(list(repeat(lab, RUNS_TIMED)))
    text = (f"{RUNS_TIMED} runs, median {found['median_a_ms']:.1f} ms at a (worst {found['worst_a_ms']:.1f}), "
            f"{found['median_b_ms']:.1f} at b ({found['worst_b_ms']:.1f}); wanted later: {MUST_RELAY_MS}")
    check(found["direct"] == 0, f"{text}; {found['direct']} direct")
    return text, found


def run_ipv6(bodkin, keep_ipv4):
    """The server is named by its IPv6 address; the hosts have both families, or that one alone."""
    with Lab(bodkin, "open", "open") as lab:
        if not keep_ipv4:
            for node in "ab":
                flushed = lab.run(node, "ip", "-4", "address", "flush", "scope", "global")
                check(flushed.wait() == 0, flushed.story())
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), place=f"{SERVER_6}#{lab.pin}")
        kind = t.check_done()
        path = t.receiver.last("path")
        check(kind == "direct", f"{kind}\n{t.story()}")
        is_ipv6 = path["remote"].startswith("[2001:db8:")
        check(keep_ipv4 or is_ipv6 and path["technique"] == "ipv6", f"not over IPv6: {path}\n{t.story()}")
        return f"direct, technique {path['technique']}, to {path['remote']}, {max(t.elapsed()):.0f} ms", {}


def run_ipv6_firewalled(bodkin, transport):
    """No NAT, and on each side a stateful firewall that lets nothing in that was not asked for."""
    with Lab(bodkin, "open", "open") as lab:
        for node in "ab":
            for words in (["ip", "-4", "address", "flush", "scope", "global"], ["nft", FIREWALL_6]):
                done = lab.run(node, *words)
                check(done.wait() == 0, done.story())
        lab.start_server("--state", lab.top / "server")
        options = ["--transport", transport]
        t = lab.transfer(lab.file(SMALL), place=f"{SERVER_6}#{lab.pin}", send=options, recv=options)
        kind = t.check_done()
        path = t.receiver.last("path")
        check((kind, path["technique"], path["transport"]) == ("direct", "ipv6", transport), f"{path}\n{t.story()}")
        return f"direct over {transport}, to {path['remote']}, {max(t.elapsed()):.0f} ms", {}


def run_code_by_receiver(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer_back(lab.file(SMALL))
        kind = t.check_done()
        check(kind == "direct", f"{kind}\n{t.story()}")
        return f"direct, {max(t.elapsed()):.0f} ms", {}


def run_unprivileged(bodkin, user):
    with Lab(bodkin, "port", "port", user=user) as lab:
        found, slower = numbers(list(repeat(lab, 3)))
        text = f"{found['direct']}/3 direct, {spread(slower)}"
        check(found["direct"] == 3, text)
        return text, found


def cases(bodkin, at_least):
    for row in table(bodkin):
        yield name_of(row), lambda row=row: run_row(bodkin, row, at_least)
    for a, b in (("full", "full"), ("port", "port"), ("restricted", "port")):
        yield f"time-to-connected {a}-{b}", lambda a=a, b=b: run_timed(bodkin, a, b)
    yield "time-to-connected sym-sym relay", lambda: run_relay_timed(bodkin)
    yield "ipv6 beside ipv4, open-open", lambda: run_ipv6(bodkin, True)
    yield "ipv6 alone, open-open", lambda: run_ipv6(bodkin, False)
    for transport in ("udp", "tcp"):
        yield f"ipv6 through two firewalls, {transport}", \
            lambda transport=transport: run_ipv6_firewalled(bodkin, transport)
    for a, b, rate in (("port", "symseq", 20), ("port", "symseq", 200), ("port", "symdec", 20), ("port", "symdec", 200),
                       ("port", "sympar", 20)):
        yield f"{a}-{b} udp, {rate} other flows a second", \
            lambda a=a, b=b, rate=rate: run_among_others(bodkin, a, b, rate)
    yield "port-symseq, one of them polite", lambda: run_polite(bodkin)
    yield "code made by the receiver", lambda: run_code_by_receiver(bodkin)
