#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds each rung of the example ladder against programs written independently of it (peers/), in both roles.

    test_examples.py BUILD_DIR [WORD]      WORD: only the cases whose name contains it

Prints 'N passed, N failed'."""
import pathlib
import signal
import sys
import time
import traceback

import support
import terminal

support.build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
support.examples = support.build / "examples"
support.bodkin = support.build / "bodkin"
word = sys.argv[2] if len(sys.argv) > 2 else ""

import rungs_echo, rungs_messages, rungs_chat, rungs_files, rungs_lan, rungs_session, rungs_build  # noqa: E401,E402,F401

# Started in the background, or by nohup, we ignore these; what we start must not, or it would go on ignoring them.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)

CASE_SECONDS = 120


def overdue(*_):
    raise TimeoutError(f"not done after {CASE_SECONDS} s")


signal.signal(signal.SIGALRM, overdue)
passed = failed = 0
for case in support.tests:
    name = case.__name__.replace("_", " ")
    if word not in case.__name__:
        continue
    started = time.monotonic()
    signal.alarm(CASE_SECONDS)
    try:
        case()
        passed += 1
        print(f"ok - {name} ({time.monotonic() - started:.1f} s)", flush=True)
    except Exception:
        failed += 1
        print(f"not ok - {name}\n{traceback.format_exc()}", flush=True)
    terminal.kill_all()
signal.alarm(0)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
