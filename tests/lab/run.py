#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodkin through real kernel NATs.

    run.py BODKIN [--only NAME] [--runs N] [--json] [-v]

The table over UDP as it is measured, ten runs of each row and its limits without allowance:

    run.py BODKIN --only ' udp' --runs 10

One line a case, then 'N passed, N failed'. Exit code 0, 1, or 77 where this machine forbids namespaces; where it
allows them, a case that did not run has failed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

import moves  # noqa: E402
import rows  # noqa: E402
import siege  # noqa: E402
import trouble  # noqa: E402
from lab import Failure, check, probe  # noqa: E402

NOBODY = 65534
PATIENT = "receiver cut off"  # cases that wait a minute for an end and burden nothing: they run beside the others


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
    yield from moves.cases(args.bodkin)
    yield from trouble.cases(args.bodkin)
    yield from siege.cases(args.bodkin, args.verbose)


def run_case(name, case, args):
    """Whether it passed. A trace of this suite's own mistakes is a failure too."""
    started = time.monotonic()
    found = {}
    try:
        text, found = case()
        passed = True
    except Failure as failure:
        text, passed = str(failure), False
    except Exception:
        text, passed = traceback.format_exc(), False
    seconds = time.monotonic() - started
    if args.json:
        print(json.dumps({"name": name, "passed": passed, "seconds": round(seconds, 2), "text": text, **found}), flush=True)
    else:
        print(f"{'ok  ' if passed else 'FAIL'} {seconds:4.1f}s {name}: {text}", flush=True)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bodkin", type=os.path.abspath)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--runs", type=int, default=5, help="at least so many runs of each row (5)")
    parser.add_argument("--json", action="store_true", help="one object a case")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    try:
        forbidden = probe(args.bodkin)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        print(f"{e}\n0 passed, 1 failed")
        return 1
    if forbidden:
        print(f"not run: {forbidden}")
        return 77
    chosen = [(name, case) for name, case in collect(args) if args.only in name]
    patient = [c for c in chosen if c[0].startswith(PATIENT)]
    prompt = [c for c in chosen if c not in patient]
    with ThreadPoolExecutor(1) as beside:
        waiting = [beside.submit(run_case, name, case, args) for name, case in patient]
        results = [run_case(name, case, args) for name, case in prompt]
        results += [w.result() for w in waiting]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
