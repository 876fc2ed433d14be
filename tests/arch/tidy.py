#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source in src, tests aside, as .clang-tidy says; what passed once is not read again.

    tests/arch/tidy.py BUILD [WORD]      WORD: only sources whose name contains it

A source that passed leaves a stamp in BUILD/tidy, made of its own text, of every header it includes and of .clang-tidy.
Prints what was found and '1 passed, 0 failed', or the reverse: the whole is one case.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def sources(build):
    """Source to object, as ninja names it: each once, though the library is built twice."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if entry["output"].startswith(("libbodkin", "bodkin.p")) and source.startswith(f"{ROOT}/src/"):
            found[source] = entry["output"]
    return found


def headers(build):
    """Object to what it was made of, from ninja's log of the last build."""
    out = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found, name = {}, ""
    for line in out.splitlines():
        if line.startswith(" "):
            found[name].append(build / line.strip())
        elif line:
            name = line.split(":")[0]
            found[name] = []
    return found


def digest(paths):
    h = hashlib.sha256()
    for path in paths:
        h.update(pathlib.Path(path).read_bytes())
    return h.hexdigest()


def tidy(build, source, stamp, mark):
    """What clang-tidy says of it; empty: nothing, and then it is remembered."""
    if stamp.exists() and stamp.read_text() == mark:
        return ""
    done = subprocess.run(["clang-tidy", "-p", build, "--quiet", "--extra-arg=-Wno-unknown-warning-option", source],
                          cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        stamp.write_text(mark)
        return ""
    return done.stdout.replace(f"{ROOT}/", "") or done.stderr


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    (build / "tidy").mkdir(exist_ok=True)
    deps = headers(build)
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, output in sorted(sources(build).items()):
            if word in source:
                mark = digest([ROOT / ".clang-tidy", source, *deps.get(output, [])])
                jobs.append(pool.submit(tidy, build, source, build / "tidy" / pathlib.Path(output).name, mark))
        said = [job.result() for job in jobs]
    print("".join(said) + f"{len(said)} sources, {len(said) - said.count('')} with findings")
    good = bool(said) and not any(said)
    print(f"{int(good)} passed, {int(not good)} failed")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
