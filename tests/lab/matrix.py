# SPDX-License-Identifier: Apache-2.0
"""The matrix that the program measures, beside what RFC 4787's words for two NATs allow: the tables of
docs/protocol/traversal.md. BODKIN_MATRIX_RUNS: all types, so often.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from lab import check
from rows import least_direct

TRAVERSAL = pathlib.Path(__file__).resolve().parents[2] / "docs/protocol/traversal.md"
RUNS = int(os.environ.get("BODKIN_MATRIX_RUNS", 0))
GUESSED_PERCENT = 97  # at least so often, each
PATIENCE = 60
AMIDST = 6  # labs, servers and who connects
NEW_PORT = "gives? every connection a new port"


def names(cell):
    return [name.strip(" `") for name in cell.split(",")]


def expectations():
    """{transport: {(a, b): word}}, in both directions."""
    found, transport, columns = {}, None, []
    for line in TRAVERSAL.read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if not line.startswith("| "):
            continue
        if cells[0] in ("over UDP", "over TCP"):
            transport, columns = cells[0][-3:].lower(), cells[1:]
            found[transport] = {}
            continue
        for column, word in zip(columns, cells[1:]) if transport else ():
            for a in names(cells[0]):
                for b in names(column):
                    known = found[transport].setdefault((a, b), word)
                    check(known == word and found[transport].setdefault((b, a), word) == word, f"{a}, {b}: two words")
        if transport and cells[0] == columns[-1]:
            transport = None
    return found


def judge(cell, word):
    """What is wrong with it, if anything is."""
    direct, runs, chance = cell["direct"], cell["runs"], cell["chance"]
    if cell["failed"]:
        return f"{cell['failed']} runs came to nothing"
    if chance == 1 and direct < runs or chance == 0 and direct:
        return "the plan was certain, and wrong"
    if word == "direct" and direct < runs:
        return "should be direct"
    if word == "guessed" and direct < least_direct(runs, GUESSED_PERCENT):
        return "should be guessed"
    if word == "relayed" and (direct or chance != 0):
        return "should be relayed, and the plan say so"
    if word == "luck" and chance not in (0, None):
        return "nothing can promise that"
    told = cell["text"] or ""
    if direct < runs and word in ("relayed", "luck") and not re.search(f"{NEW_PORT}.*port mapping.*IPv6", told):
        return "not told why, or what would help"
    return None


def matrix(bodkin, *words, **kw):
    return subprocess.Popen([bodkin, "lab", "matrix", "--json", *words], stdout=subprocess.PIPE, text=True, **kw)


def run_matrix(bodkin, *words):
    words = [*words, *(["--runs", str(RUNS)] if RUNS else [])]
    with matrix(bodkin, *words) as program:
        events = [json.loads(line) for line in program.stdout]
    check(program.returncode == 0, f"exit code {program.returncode}\n{events}")
    cells, end = events[:-1], events[-1]
    check(end["event"] == "matrix" and len(cells) == len(end["types"])**2 * len(end["transports"]), events)
    expected, wrong = expectations(), []
    for cell in cells:
        pair = cell["a"], cell["b"]
        check(pair in expected[cell["transport"]], f"{pair}: {TRAVERSAL.name} has no word for it")
        fault = judge(cell, expected[cell["transport"]][pair])
        wrong += [f"{fault}: {cell}"] if fault else []
    check(not wrong, "\n".join(wrong))
    direct = sum(c["direct"] == c["runs"] for c in cells)
    return f"{len(cells)} cells, {direct} direct, in {end['seconds']:.1f} s", {"seconds": end["seconds"]}


def descendants(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def run_interrupted(bodkin, number):
    """In the middle of it: nothing is left, neither a process, which would hold its namespace, nor a folder."""
    with tempfile.TemporaryDirectory() as top, \
            matrix(bodkin, "--types", "port,sym", "--runs", "50", env={**os.environ, "TMPDIR": top}) as program:
        begun, until = [], time.monotonic() + PATIENCE
        while len(begun) < AMIDST and time.monotonic() < until:
            begun = descendants(program.pid)
            time.sleep(0.01)
        program.send_signal(number)
        program.stdout.read()
        program.wait()
        until = time.monotonic() + PATIENCE
        while not all(map(is_gone, begun)) and time.monotonic() < until:
            time.sleep(0.01)
        left = [pid for pid in begun if not is_gone(pid)], os.listdir(top)
    check(len(begun) >= AMIDST, f"only {begun} ran")
    check(not left[0], f"left: {left}")
    if number == signal.SIGINT:
        check((program.returncode, left[1]) == (130, []), f"exit code {program.returncode}, left {left}")
    return f"{len(begun)} processes gone", {}


def cases(bodkin):
    if RUNS:
        yield "matrix, every type", lambda: run_matrix(bodkin)
        return
    yield "matrix, ports that are guessed", lambda: run_matrix(bodkin, "--types", "port,symseq,sym", "--transport", "udp")
    yield "matrix, over TCP", lambda: run_matrix(bodkin, "--types", "open,restricted,symdec", "--transport", "tcp")
    for number in (signal.SIGINT, signal.SIGKILL):
        yield f"matrix, ended by {number.name}", lambda number=number: run_interrupted(bodkin, number)
