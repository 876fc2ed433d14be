#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves is enough to build against: headers, library, pkg-config file, program, man page."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")
PROGRAM = r"""
#include <stdio.h>
#include <bodkin/bodkin.h>
int main(void)
{
	struct bk_loop *loop;
	if (bk_loop_new(BK_LOOP_POLL, &loop) < 0)
		return 1;
	printf("%s %s\n", bk_version(), bk_loop_backend_name(loop));
	bk_loop_free(loop);
	return 0;
}
"""
results = []


def case(name, good, detail=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} - {name}" + ("" if good else f": {detail}"))


def run(command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


with tempfile.TemporaryDirectory() as top:
    top = pathlib.Path(top)
    done = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], env={**os.environ, "DESTDIR": str(top)})
    case("make install succeeds", done.returncode == 0, done.stderr[-500:])
    pcs = list(top.rglob("bodkin.pc"))
    headers = {p.name for p in (ROOT / "include/bodkin").glob("*.h")}
    case("every public header is there", headers == {p.name for p in top.rglob("include/bodkin/*.h")})
    case("a pkg-config file is there", len(pcs) == 1, str(pcs))
    programs = [p for p in top.rglob("bin/bodkin") if os.access(p, os.X_OK)]
    case("the program is there", len(programs) == 1)
    case("the man page is there", list(top.rglob("bodkin.1*")))
    units = list(top.rglob("lib/systemd/system/bodkin.service"))
    starts = [p for u in units for p in re.findall(r"^ExecStart=(\S+)", u.read_text(), re.M)]
    case("the service's unit is there and starts the program", programs and starts == [f"/{programs[0].relative_to(top)}"], str(starts))
    version = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
    exported = (ROOT / "src/bodkin.exports").read_text().split()
    missing = [name for name in exported if not list(top.rglob(f"man3/{name}.3"))]
    case("every exported function has its manual page", not missing, ", ".join(missing))
    for kind in ("shared", "static"):
        env = {**os.environ, "PKG_CONFIG_PATH": str(pcs[0].parent), "PKG_CONFIG_SYSROOT_DIR": str(top)}
        (top / "x.c").write_text(PROGRAM)
        flags = run(["pkg-config", "--cflags", "--libs", "bodkin"], env=env).stdout.split()
        libdir = next(iter(top.rglob("libbodkin.a"))).parent
        if kind == "static":  # ours static, what it stands on as the system has it
            below = run(["pkg-config", "--print-requires-private", "bodkin"], env=env).stdout.split("\n")
            names = [line.split()[0] for line in below if line.strip()]
            flags = [str(libdir / "libbodkin.a") if f == "-lbodkin" else f for f in flags]
            flags += run(["pkg-config", "--libs", *names]).stdout.split() + ["-lm"]
        built = run(["cc", "-std=c17", "-Wall", "-Werror", top / "x.c", "-o", top / kind, *flags])
        case(f"a program builds against the {kind} library", built.returncode == 0, built.stderr[-800:])
        ran = run([top / kind], env={**os.environ, "LD_LIBRARY_PATH": str(libdir)}) if built.returncode == 0 else None
        case(f"and runs ({kind})", ran and ran.stdout.strip() == f"{version} poll", ran and ran.stderr)
with tempfile.TemporaryDirectory() as top:
    copy = pathlib.Path(top) / "copy"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda folder, names: [n for n in names if n.startswith(("build", ".git"))])
    shutil.copytree(BUILD / "meson-info", copy / "build/meson-info")
    shutil.copy(BUILD / "build.ninja", copy / "build")
    done = run(["make", "-C", copy, "configure"], env={k: v for k, v in os.environ.items() if not k.startswith("M")})
    info = json.loads((copy / "build/meson-info/meson-info.json").read_text())
    case("a copy of the tree is built for itself", info["directories"]["source"] == str(copy), done.stdout[-300:] + done.stderr[-300:])
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
