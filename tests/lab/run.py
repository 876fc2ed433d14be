#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodkin through real kernel NATs.

    run.py BODKIN [--only NAME] [--runs N] [--json] [-v]

The table over UDP as it is measured, ten runs of each row and its limits without allowance:

    run.py BODKIN --only ' udp' --runs 10

One line a case, then 'N passed, N failed'. Exit code 0, 1, or 77 where this machine forbids namespaces; where it
allows them, a case that did not run has failed.
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True

import devices  # noqa: E402
import files  # noqa: E402
import habits  # noqa: E402
import idle  # noqa: E402
import lan  # noqa: E402
import lan_rooms  # noqa: E402
import matrix  # noqa: E402
import moves  # noqa: E402
import ports  # noqa: E402
import rooms  # noqa: E402
import rows  # noqa: E402
import siege  # noqa: E402
import suite  # noqa: E402
import talks  # noqa: E402
import tally  # noqa: E402
import trips  # noqa: E402
import trouble  # noqa: E402
import waiting  # noqa: E402
from lab import check  # noqa: E402

NOBODY = 65534
PATIENT = ("receiver cut off", "only the web", "a NAT that forgets", "idle session", "waiting: ",
           "talk, a machine sleeps", "talk, the server is away",
           "rooms, three behind two NATs", "rooms, a machine sleeps", "rooms, the server is away", "rooms, servers die",
           "LAN rooms: its keeper sleeps", "LAN rooms: a network that is parted", "LAN rooms: a server that is away")
# Cases that wait and burden nothing: they run beside the others.


def run_as_nobody(bodkin):
    """The same through a user namespace. Where the suite has no root to give up, all of it ran so already."""
    if os.geteuid() != 0:
        return "the whole suite runs without privileges", {}
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    check(shutil.which("setpriv"), "setpriv is missing (util-linux)")
    return rows.run_unprivileged(bodkin, user)


def collect(args):
    yield from rows.cases(args.bodkin, args.runs)
    yield "port-port without privileges", lambda: run_as_nobody(args.bodkin)
    yield from matrix.cases(args.bodkin)
    yield from trips.cases(args.bodkin)
    yield from devices.cases(args.bodkin)
    yield from files.cases(args.bodkin)
    yield from habits.cases(args.bodkin)
    yield from tally.cases(args.bodkin)
    yield from moves.cases(args.bodkin)
    yield from ports.cases(args.bodkin)
    yield from talks.cases(args.bodkin)
    yield from rooms.cases(args.bodkin)
    yield from lan.cases(args.bodkin)
    yield from lan_rooms.cases(args.bodkin)
    yield from trouble.cases(args.bodkin)
    yield from idle.cases(args.bodkin)
    yield from waiting.cases(args.bodkin)
    yield from siege.cases(args.bodkin, args.verbose)


def main():
    options = suite.parser(__doc__)
    options.add_argument("--runs", type=int, default=5, help="at least so many runs of each row (5)")
    options.add_argument("--json", action="store_true", help="one object a case")
    options.add_argument("-v", "--verbose", action="store_true")
    args = options.parse_args()
    return suite.run(args, collect(args), beside=lambda name: name.startswith(PATIENT))


if __name__ == "__main__":
    sys.exit(main())
