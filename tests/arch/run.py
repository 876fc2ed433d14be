#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of the tree: layers, and that every source is built, tested or fuzzed by somebody."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECK = ROOT / "tests/arch/check_layers.py"
results = []


def case(name, failure):
    results.append(not failure)
    print(f"{'not ok' if failure else 'ok'} - {name}" + (f": {failure}" if failure else ""))


def check(root):
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
    return done.returncode, done.stdout


def a_module_reaches_only_what_its_layer_allows():
    code, out = check(ROOT / "src")
    return out if code else ""


def the_layer_check_notices_a_trespass(line, into):
    """A check that cannot fail proves nothing: give it a tree that must fail."""
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top) / "src"
        module = top / into
        module.mkdir(parents=True)
        (top / "LAYERS").write_text((ROOT / "src/LAYERS").read_text())
        (module / "x.c").write_text(line + "\n")
        code, _ = check(top)
    return "" if code else f"'{line}' in {into}/ went unnoticed"


def every_source_is_in_its_meson_build():
    missing = []
    for folder in [*sorted((ROOT / "src").iterdir()), ROOT / "lab"]:
        if not folder.is_dir():
            continue
        text = (folder / "meson.build").read_text() + (ROOT / "meson.build").read_text()
        missing += [str(p.relative_to(ROOT)) for p in folder.glob("*.c")
                    if not re.search(rf"\b{p.stem}\b", text)]
    return ", ".join(missing)


def public_headers_compile_alone():
    bad = []
    for header in sorted((ROOT / "include/bodkin").glob("*.h")):
        for compiler, language in (("cc -std=c17", "c"), ("c++ -std=c++17", "c++")):
            if language == "c++" and subprocess.run(["sh", "-c", "command -v c++"], capture_output=True).returncode:
                continue
            done = subprocess.run([*compiler.split(), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                                   "-I", ROOT / "include", "-x", language, header], capture_output=True, text=True)
            if done.returncode:
                bad.append(f"{header.name} as {language}: {done.stderr[:300]}")
    return "; ".join(bad)


def texts_name_no_place_of_this_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    here = str(ROOT) + "/"
    return ", ".join(n for n in names if (ROOT / n).is_file() and here.encode() in (ROOT / n).read_bytes())


case("a module reaches only what its layer allows", a_module_reaches_only_what_its_layer_allows())
case("the layer check notices a wrong include", the_layer_check_notices_a_trespass('#include "net/sock.h"', "punch"))
case("the layer check notices a clock in a pure module",
     the_layer_check_notices_a_trespass("void f(void) { clock_gettime(0, 0); }", "nat"))
case("every source is in its meson.build", every_source_is_in_its_meson_build())
case("public headers compile alone, as C and as C++", public_headers_compile_alone())
case("texts name no place of this machine", texts_name_no_place_of_this_machine())
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
