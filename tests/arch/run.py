#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of the tree: layers, calls between files, sizes, and that every source is built by somebody.

    tests/arch/run.py [BUILD]
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import calls

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/arch"
BUILD = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")
results = []


def case(name, failure):
    results.append(not failure)
    print(f"{'not ok' if failure else 'ok'} - {name}" + (f": {failure}" if failure else ""))


def check(script, *args):
    done = subprocess.run([sys.executable, HERE / script, *args], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def passes(script, *args):
    code, out = check(script, *args)
    return out if code else ""


def the_layer_check_notices(line, into, wanted):
    """A check that cannot fail proves nothing: give it a tree that must fail."""
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top) / "src"
        module = top / into
        module.mkdir(parents=True)
        (top / "LAYERS").write_text((ROOT / "src/LAYERS").read_text())
        (module / "x.c").write_text(line + "\n")
        code, out = check("check_layers.py", top)
    return "" if code and wanted in out else f"exit {code}: {out}"


def made_build(top, files):
    """What calls.py wants of a build: a folder of sources, compiled as part of the library, but its tests."""
    commands, build = [], top / "build"
    for name, text in files.items():
        source = top / "src/x" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text + "\n")
        output = f"libbodkin.so.p/{name}.o"
        (build / output).parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("test_"):
            continue
        subprocess.run(["cc", "-c", source, "-o", build / output], check=True)
        commands.append({"directory": str(build), "file": str(source), "output": output})
    (build / "compile_commands.json").write_text(json.dumps(commands))
    return build


LADDER = {"a.c": "void b(void); void a(void) { b(); }", "b.c": "void c(void); void b(void) { c(); }"}
RING = {**LADDER, "c.c": "void a(void); void c(void) { a(); }"}
HOME = {"c.c": "void d(void) {} void c(void) { d(); }"}
TABLE = {"a.c": "void b(void); void a(void) { b(); }", "b.c": "void a(void); void (*row)(void) = a; void b(void) {}"}


def the_circle_check_says(files, known, wanted):
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        build = made_build(top, files)
        (top / "known").write_text(known)
        code, out = check("calls.py", build, top / "known")
    return "" if (code, out.split(":")[0].strip()) == (int(bool(wanted)), wanted) else f"exit {code}: {out}"


def the_caller_check_says(files, known, wanted):
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        build = made_build(top, files)
        (top / "known").write_text(known)
        (top / "exports").write_text("a\n")
        code, out = check("callers.py", build, top / "exports", top / "known")
    return "" if code == int(bool(wanted)) and wanted in out else f"exit {code}: {out}"


def the_size_check_says(body, wanted):
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "x.c").write_text("void f(int n)\n{\n" + body + "}\n")
        code, out = check("sizes.py", top)
    return "" if code and wanted in out else f"exit {code}: {out}"


def the_length_check_says(lines, known, wanted):
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "src").mkdir()
        (pathlib.Path(top) / "src/x.c").write_text("\n" * lines)
        (pathlib.Path(top) / "known").write_text(known)
        code, out = check("lengths.py", top, f"{top}/known")
    return "" if code == int(bool(wanted)) and wanted in out else f"exit {code}: {out}"


def the_boolean_check_says(member, wanted):
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "x.c").write_text("struct x {\n\tint n;\n\t" + member + " /* bool odd; */\n};\n")
        code, out = check("booleans.py", top)
    return "" if code == int(bool(wanted)) and wanted in out else f"exit {code}: {out}"


def the_comment_check_says(comment, wanted):
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "src").mkdir()
        (pathlib.Path(top) / "src/x.c").write_text(comment + "\nint is_here;\n")
        code, out = check("comments.py", top)
    return "" if code == int(bool(wanted)) and wanted in out else f"exit {code}: {out}"


def rooms_call_what_their_layer_allows():
    """What the linker sees: an include may bring another one along. What is exported is for everybody."""
    rows = [line.split("#")[0].split() for line in (ROOT / "src/LAYERS").read_text().splitlines()]
    may = {row[0]: {row[0], *row[2:]} for row in rows if row}
    found = calls.objects(BUILD)
    defines, wants = calls.symbols([str(path) for path in found.values()])
    room = {symbol: pathlib.Path(name).parent.name for name, path in found.items() for symbol in defines[str(path)]}
    exported = set((ROOT / "src/bodkin.exports").read_text().split())
    return ", ".join(f"{name} uses {symbol} of {room[symbol]}" for name, path in found.items()
                     for symbol in sorted(wants[str(path)] & room.keys() - exported)
                     if room[symbol] not in may[pathlib.Path(name).parent.name])


def rooms_of_the_program_sign_what_is_theirs():
    """The library's nouns stand alone; what the program says of itself is bk_cli_..., the laboratory bk_lab_..."""
    found = calls.objects(BUILD)
    defines, _ = calls.symbols([str(path) for path in found.values()])
    return ", ".join(f"{symbol} of {name}" for name, path in found.items() for symbol in sorted(defines[str(path)])
                     if (room := pathlib.Path(name).parent.name) in ("cli", "lab")
                     and not symbol.startswith(f"bk_{room}_") and symbol != "main")


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


def one_header_includes_them_all():
    names = {h.name for h in (ROOT / "include/bodkin").glob("*.h")} - {"bodkin.h"}
    included = set(re.findall(r"#include <bodkin/(.*)>", (ROOT / "include/bodkin/bodkin.h").read_text()))
    return ", ".join(sorted(names ^ included))


def the_export_check_says(change, wanted):
    """The list with a line taken out or put in."""
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "list").write_text("".join(change((ROOT / "src/bodkin.exports").read_text().splitlines(True))))
        code, out = check("exports.py", BUILD, f"{top}/list")
    return "" if code and wanted in out else f"exit {code}: {out}"


def the_reference_check_notices(header, wanted):
    with tempfile.TemporaryDirectory() as top:
        (pathlib.Path(top) / "x.h").write_text(header)
        code, out = check("../../docs/api.py", "--check", top)
    return "" if code and wanted in out else f"exit {code}: {out}"


NAMED = re.compile(r"`((?:src|tests|lab|bench|docs|include|examples|packaging)/[^`\s]*)`")


def documents_name_files_that_exist():
    gone = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("examples/*.md")]:
        for name in NAMED.findall(page.read_text()):
            wanted = [name.replace("[ch]", end) for end in "ch"] if "[ch]" in name else [name]
            gone += [f"{page.name}: {w}" for w in wanted if "NAME" not in w and not any(ROOT.glob(w.rstrip("/")))]
    return ", ".join(gone)


ROOM = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.M)


def the_page_has_the_rooms_that_there_are():
    rows = [line.split("#")[0].split() for line in (ROOT / "src/LAYERS").read_text().splitlines()]
    layers = {tuple(row[:2]) for row in rows if row}
    rooms = set(ROOM.findall((ROOT / "docs/ARCHITECTURE.md").read_text()))
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()} | {"lab"}
    return ", ".join(sorted({" ".join(room) for room in layers ^ rooms} | {name for name, _ in layers} ^ folders))


def texts_name_no_place_of_this_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    here = str(ROOT) + "/"
    return ", ".join(n for n in names if (ROOT / n).is_file() and here.encode() in (ROOT / n).read_bytes())


case("a module reaches only what its layer allows", passes("check_layers.py", ROOT / "src"))
case("the layer check notices a wrong include", the_layer_check_notices('#include "net/sock.h"', "punch", "punch may not include net/"))
case("the layer check notices a clock in a pure module",
     the_layer_check_notices("void f(void) { clock_gettime(0, 0); }", "nat", "nat is pure"))
case("the layer check notices what is allowed for nothing",
     the_layer_check_notices('#include "wire/intro.h"', "nat", "nat may include stun/ and does not"))
case("rooms call what their layer allows", rooms_call_what_their_layer_allows())
case("files of a folder reach each other in no circle", passes("calls.py", BUILD, HERE / "circles.known"))
case("what the product defines it uses", passes("callers.py", BUILD, ROOT / "src/bodkin.exports", HERE / "uncalled.known"))
case("the caller check notices what nobody uses", the_caller_check_says({**LADDER, "c.c": "void c(void) {} void d(void) {}"}, "", "uses d"))
case("the caller check notices what is used at home alone", the_caller_check_says({**LADDER, **HOME}, "", "uses d: make it static"))
case("the caller check passes what a test holds on to", the_caller_check_says({**LADDER, **HOME, "test_c.c": "d"}, "", ""))
case("the caller check passes what is known", the_caller_check_says({**LADDER, "c.c": "void c(void) {} void d(void) {}"}, "d # why", ""))
case("the caller check notices that a known one is used", the_caller_check_says({**LADDER, "c.c": "void c(void) {}"}, "c", "take it out"))
case("the circle check notices a long circle", the_circle_check_says(RING, "", "circle"))
case("the circle check notices a circle through a table", the_circle_check_says(TABLE, "", "circle"))
case("the circle check passes a known circle", the_circle_check_says(RING, "src/x/a.c src/x/b.c src/x/c.c", ""))
case("the circle check notices that a known circle is gone",
     the_circle_check_says(LADDER, "src/x/a.c src/x/b.c", "no circle any more, take it out of the list of known ones"))
case("functions stay small and flat", passes("sizes.py", ROOT / "src"))
case("the size check notices a long function", the_size_check_says("\tn++;\n" * 49, "51 lines"))
case("the size check notices a deep one", the_size_check_says(
    "\tfor (;;)\n\t\twhile (n)\n\t\t\tif (n) {\n\t\t\t\tdo\n\t\t\t\t\tn--;\n\t\t\t\twhile (n);\n\t\t\t}\n",
    "nests 4 deep"))
case("a file is one noun", passes("lengths.py", ROOT, HERE / "lengths.known"))
case("the length check notices a long file", the_length_check_says(601, "", "src/x.c: 601 lines, at most 600"))
case("the length check passes a known one", the_length_check_says(700, "src/x.c 700 # why", ""))
case("the length check notices that a known one grows", the_length_check_says(701, "src/x.c 700", "701 lines, at most 700"))
case("the length check notices that a known one shrinks", the_length_check_says(699, "src/x.c 700", "list that"))
case("the length check notices that a known one is short", the_length_check_says(600, "src/x.c 700", "take it out"))
case("a struct's boolean says that it is one", passes("booleans.py", ROOT / "src"))
case("the boolean check notices a bare adjective", the_boolean_check_says("bool is_a, closing : 1;", "bool closing"))
case("the boolean check passes what says so", the_boolean_check_says("bool is_a, may_b[2]; bool (*fn)(void);", ""))
case("what cli and lab define says whose it is", rooms_of_the_program_sign_what_is_theirs())
case("comments name what exists, within 120 columns", passes("comments.py", ROOT))
case("the comment check notices a name that is gone", the_comment_check_says("/* As was_there does. */", "src/x.c:1: there is no was_there"))
case("the comment check notices a file that is gone", the_comment_check_says("/*\n * See net/gone.h. */", "src/x.c:2: there is no net/gone.h"))
case("the comment check notices a long line", the_comment_check_says("/* " + "x" * 120 + " */", "src/x.c:1: a comment beyond 120 columns"))
case("the comment check passes what is there", the_comment_check_says("/* As is_here, is_ and here: src/x.c, x.c, <stdio.h>, cmd_NAME.c */", ""))
case("every source is in its meson.build", every_source_is_in_its_meson_build())
case("public headers compile alone, as C and as C++", public_headers_compile_alone())
case("bodkin.h includes every public header", one_header_includes_them_all())
case("what the library exports is what was reviewed", passes("exports.py", BUILD))
case("the export check notices one more", the_export_check_says(lambda lines: lines[1:], "is exported and not in"))
case("the export check notices one less", the_export_check_says(lambda lines: lines + ["bk_gone"], "is no longer exported"))
case("every public function has a comment, every header a thread rule", passes("../../docs/api.py", "--check"))
case("the comment check notices a bare function", the_reference_check_notices(
    "/* From any thread. */\nBK_API int bk_a(void);\n\nBK_API int bk_b(void);\n", "bk_b has no comment"))
case("the comment check notices that no thread is named", the_reference_check_notices(
    "/* Good. */\nBK_API int bk_a(void);\n", "from which thread"))
case("documents name files that exist", documents_name_files_that_exist())
case("the page of the architecture has the rooms that there are", the_page_has_the_rooms_that_there_are())
case("texts name no place of this machine", texts_name_no_place_of_this_machine())
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
