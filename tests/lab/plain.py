#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plain dialect through real kernel NATs: two clients of ours and the server, over TCP.

    plain.py BODKIN [--only NAME]

One line a case, then 'N passed, N failed'. Exit code 0, 1, or 77 where this machine forbids namespaces.
"""
import sys

sys.dont_write_bytecode = True

import suite  # noqa: E402
from lab import SERVER_2, Lab, check  # noqa: E402

SERVER = "45.10.20.1:15005"
NAMES = {"open": "Open Internet", "full": "Full Cone", "restricted": "Restric NAT", "port": "Restric Port NAT", "sym": "Symmetric NAT"}
# a, b, and what the one that names the other does when it is b, and when it is a
ROWS = [
    ("full", "full", "Listen", "Listen"),
    ("full", "restricted", "Connect", "Listen"),
    ("full", "port", "Connect", "Listen"),
    ("full", "sym", "Connect", "Listen"),
    ("restricted", "restricted", "TryAndListen", "TryAndListen"),
    ("restricted", "port", "DelayConnect", "TryAndListen"),
    ("restricted", "sym", "DelayConnect", "TryAndListen"),
    ("port", "port", "TryAndReport", "TryAndReport"),
]
COUNT = 3


def ping(lab, node, *words):
    return lab.run(node, lab.bodkin, "ping", "--plain", "-s", SERVER, "--json", "-vv", *words)


def meet(lab, waiting, naming, action):
    """The text of the case: what was done, and how long it took."""
    kinds = dict(zip("ab", lab.types))
    one = ping(lab, waiting, "--id", waiting)
    one.wait_for("code")
    other = ping(lab, naming, "-c", COUNT, "-i", "0.05", waiting)
    story = "\n".join
    codes = other.wait(), one.wait()
    check(codes == (0, 0), f"exit codes {codes}\n{story([other.story(), one.story(), lab.server.said()[-2000:]])}")
    for program, peer in ((one, naming), (other, waiting)):
        nat = program.last("peer").get("nat")
        check(nat == NAMES[kinds[peer]], f"{peer} is called '{nat}'\n{program.story()}")
        path = program.last("path")
        check((path.get("kind"), path.get("transport")) == ("direct", "tcp"), f"{path}\n{program.story()}")
    check(f"({action})" in other.last("path")["text"], f"not {action}: {other.last('path')['text']}")
    # the side that was heard last has one answer less than the other where it did not begin
    check(len(other.all("pong")) == COUNT and len(one.all("pong")) >= COUNT - 1, story([other.story(), one.story()]))
    done = other.last("done")
    return f"{action}, {other.last('path')['elapsed_ms']:.0f} ms, round trip {done['avg_ms']:.2f} ms"


def joined(bodkin, a, b, actions, *shape):
    with Lab(bodkin, a, b, *shape) as lab:
        lab.start_server("--plain", "--alt-addr", SERVER_2)
        texts = [meet(lab, "a", "b", actions[0]), meet(lab, "b", "a", actions[1])]
        return "; ".join(texts)


def cases(bodkin):
    for a, b, *actions in ROWS:
        yield f"{a}-{b}", lambda a=a, b=b, actions=actions: joined(bodkin, a, b, actions)
    for a, b, *actions in ROWS[-4:]:
        yield f"{a}-{b}, 20 ms away", lambda a=a, b=b, actions=actions: joined(bodkin, a, b, actions, "--delay", "20")
    for answer in ("reset", "reject"):
        yield f"port-port, {answer}, 20 ms away", \
            lambda answer=answer: joined(bodkin, "port", "port", ROWS[-1][2:], "--answer", answer, "--delay", "20")


LANES = 4  # the dialect is slow by nature: most of a case is waiting


def main():
    args = suite.parser(__doc__).parse_args()
    return suite.run(args, cases(args.bodkin), lanes=LANES)


if __name__ == "__main__":
    sys.exit(main())
