# SPDX-License-Identifier: Apache-2.0
"""What the suites of the lab have in common: the command line, one line a case, the count at the end.

Exit code 0, 1, or 77 where this machine forbids namespaces; where it allows them, a case that did not run has failed.
"""
import argparse
import json
import os
import subprocess
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from lab import Failure, probe

PATIENT_LANES = 4


def run_case(name, case, as_json=False):
    """Whether it passed. A case returns a line of text, or that and what it measured. A trace of the suite's own mistakes
    is a failure too."""
    started = time.monotonic()
    found = {}
    try:
        text, passed = case(), True
        if isinstance(text, tuple):
            text, found = text
    except Failure as failure:
        text, passed = str(failure), False
    except Exception:
        text, passed = traceback.format_exc(), False
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps({"name": name, "passed": passed, "seconds": round(seconds, 2), "text": text, **found}), flush=True)
    else:
        print(f"{'ok  ' if passed else 'FAIL'} {seconds:4.1f}s {name}: {text}", flush=True)
    return passed


def parser(about):
    options = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bodkin", type=os.path.abspath)
    options.add_argument("--only", default="", help="cases whose name contains this")
    return options


def run(args, cases, lanes=1, beside=lambda name: False, needs=lambda: None):
    """The exit code. `lanes` cases at a time; those that `beside` names have lanes of their own, because all they do is wait.
    `needs` fails where a tool is missing."""
    try:
        needs()
        forbidden = probe(args.bodkin)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        print(f"{e}\n0 passed, 1 failed")
        return 1
    if forbidden:
        print(f"not run: {forbidden}")
        return 77
    as_json = getattr(args, "json", False)
    with ThreadPoolExecutor(lanes) as prompt, ThreadPoolExecutor(PATIENT_LANES) as patient:
        waiting = [(patient if beside(name) else prompt).submit(run_case, name, case, as_json)
                   for name, case in cases if args.only in name]
        results = [w.result() for w in waiting]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1
