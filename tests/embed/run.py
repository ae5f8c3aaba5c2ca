#!/usr/bin/env python3
"""Includes the library where it is a guest: among hostile macros and names, under a host's flags, on both sides of a
plugin. Runs as many cells at once as there are processors, prints a line a cell, in order, and stops at the first that
fails. With CI set, what is missing is a failure as well."""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SPLIT = [f"-I{ROOT / 'include'}"]
SINGLE = [f"-I{ROOT / 'single_include'}", *SPLIT]  # opt-in headers are not in the amalgam

# What a host that wants little of C++ compiles with.
BARE = ["-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fvisibility=hidden"]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wold-style-cast",
          "-Wundef", "-Werror"]

# As MSVC: its ABI and record layouts, its way to parse templates, and its limits on constant expressions.
MSVC_LIKE = ["--target=x86_64-pc-windows-msvc19.38", "-nostdinc++", "-D_UCRT", "-fconstexpr-steps=100000",
             "-fconstexpr-depth=512", "-ftemplate-depth=500", "-fbracket-depth=128"]
# The headers there are those of mingw and of libstdc++, which ask for gcc.
MSVC_LIKE_HEADERS = ["-fgnuc-version=12.2", "-D__STRICT_ANSI__"]
# What gcc and clang define and MSVC does not.
GCC_MACROS = ["__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__", "__GNUG__", "__clang__", "__clang_major__",
              "__clang_minor__", "__BYTE_ORDER__", "__ORDER_BIG_ENDIAN__", "__ORDER_LITTLE_ENDIAN__", "__SIZEOF_INT128__",
              "__SSE__", "__SSE2__", "__x86_64__", "__has_attribute", "__has_builtin", "__has_feature"]

# The macros that stay when the library was included; guards of headers aside.
MACROS = {"PRESENCE_VERSION_MAJOR", "PRESENCE_VERSION_MINOR", "PRESENCE_VERSION_PATCH", "PRESENCE_ABI",
          "PRESENCE_CUSTOM_ALLOCATOR", "PRESENCE_ASSERT", "PRESENCE_CUSTOM_ASSERT", "PRESENCE_DETAIL_FLAT",
          "PRESENCE_DETAIL_APART", "PRESENCE_DETAIL_RARE", "PRESENCE_DETAIL_BODY", "PRESENCE_SEPARATE"}

# What -Weverything says that is no fault of a header, and why.
TOLERATED = [
    "c++98-compat",               # the library is C++17
    "c++98-compat-pedantic",
    "pre-c++20-compat-pedantic",  # told of C++20 that it is C++20
    "padded",                     # layouts are measured, not held to have no holes
    "switch-enum",                # asks to name all values beside a default
    "switch-default",             # asks for a default where all values are named, and the next not to have one
    "covered-switch-default",     # a host may cast any number to an enumeration: such an event is refused there
    "unsafe-buffer-usage",        # asks for std::span, of C++20, in place of every pointer
]

# The beginnings of symbols that need what a small host leaves out, or run where nobody called.
UNWANTED = {
    "_ZGV": "a guard of a static",
    "_ZTI": "a typeinfo",
    "_ZTS": "the name of a type",
    "_ZTV": "a virtual table",
    "__cxa_allocate_exception": "a throw",
    "__cxa_atexit": "a destructor at exit",
    "__cxa_guard_acquire": "a static in a function",
    "__cxa_throw": "a throw",
    "__gxx_personality": "handling of exceptions",
    "_GLOBAL__sub_I": "a constructor at start",
}

COMPILERS = {
    "g++": ("g++", [], ["c++17", "c++20", "c++23"]),
    "clang++": ("clang", [], ["c++17", "c++20"]),
    "clang++-19": ("clang-19 and libc++-19-dev", ["-stdlib=libc++"], ["c++17", "c++20", "c++23"]),
}
I686 = "i686-linux-gnu-g++"
MINGW = "x86_64-w64-mingw32-g++-posix"


class Failure(Exception):
    pass


class Missing(Exception):
    pass


def run(*command):
    """Runs a command that must succeed, and returns what it prints."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Failure(f"{shlex.join(command)}\nexit status {done.returncode}\n{done.stdout}")
    return done.stdout


def need(program, package):
    if not shutil.which(program):
        raise Missing(package)


def need_header(compiler, header, package):
    command = [*compiler, "-x", "c++", "-fsyntax-only", "-include", header, os.devnull]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise Missing(package)


@functools.lru_cache(maxsize=None)
def compiler_of(name):
    """The command of a compiler that is there, with what it always needs."""
    package, options, _ = COMPILERS[name]
    need(name, package)
    command = [name, *options]
    need_header(command, "vector", package)
    return command


def headers():
    return run(sys.executable, ROOT / "tests/tools/list_headers.py").split()


def standard_headers():
    """What the library includes of the standard library. Which headers these are is not to be said twice."""
    texts = [(ROOT / "include" / header).read_text() for header in headers()]
    names = {name for text in texts for name in re.findall(r"^#include <([a-z_]+)>", text, re.M)}
    # A standard library may be too old for one that the library does without.
    return [f"#if __has_include(<{name}>)\n#include <{name}>\n#endif" for name in sorted(names)]


def opt_in_headers(cxx):
    """The public headers that the umbrella leaves out."""
    reached = macros_of(cxx, SPLIT, ["#include <presence/presence.hpp>"])
    return [header for header in headers()
            if "/detail/" not in header and guard_of(header) not in reached]


def guard_of(header):
    return re.sub(r"\W", "_", header).upper()


def macros_of(cxx, includes, lines):
    with tempfile.TemporaryDirectory() as temporary:
        file = write(pathlib.Path(temporary), "macros.cpp", lines)
        return set(re.findall(r"^#define (\w+)", run(*cxx, "-std=c++17", *includes, "-dM", "-E", file), re.M))


def write(work, name, lines):
    file = work / name
    file.write_text("\n".join(lines) + "\n")
    return file


def guest(before, opt_in):
    """A program that includes all of the library behind some lines, and uses it."""
    return [*before, "#include <presence/presence.hpp>", *(f"#include <{header}>" for header in opt_in),
            f'#include "{HERE / "use_all.hpp"}"', "int main() { return embed::use_all(); }"]


def among(work, cxx, before, *options):
    """The library must compile behind some lines, split and as one header."""
    source = write(work, "guest.cpp", guest(before, opt_in_headers(cxx)))
    for includes in (SPLIT, SINGLE):
        run(*cxx, "-std=c++17", *includes, *options, "-fsyntax-only", source)


# What a host defines.

def hostile_macros(work, cxx):
    among(work, cxx, [*standard_headers(), f'#include "{HERE / "hostile_macros.hpp"}"'])


def no_private(work, cxx):
    """Hosts' tests get at what is private. (`class struct` is refused by any `template <class T>`.)"""
    among(work, cxx, [*standard_headers(), "#define private public", "#define protected public"])


def debug_new(work, cxx):
    """As MFC does it."""
    among(work, cxx, [*standard_headers(), "void* operator new(std::size_t, const char*, int);",
                      "#define new new (__FILE__, __LINE__)"])


def plain_malloc(work, cxx):
    """A host's memory whose macros leave out what malloc has no use for."""
    among(work, cxx, ["#include <cstdlib>", "#define PRESENCE_ALLOC(bytes, alignment) std::malloc(bytes)",
                      "#define PRESENCE_FREE(pointer, bytes, alignment) std::free(pointer)"], *STRICT)


def xlib(work, cxx):
    need_header(cxx, "X11/Xlib.h", "libx11-dev")
    among(work, cxx, ["#include <X11/Xlib.h>", "#include <X11/Xutil.h>"])


def system_headers(work, cxx):
    names = ["assert.h", "complex.h", "endian.h", "math.h", "netinet/in.h", "signal.h", "sys/param.h", "sys/stat.h",
             "sys/sysmacros.h", "termios.h"]
    among(work, cxx, [f"#include <{name}>" for name in names], "-std=gnu++17")


def allocations(work, cxx):
    """How many there are for each kind of event. Returns the table."""
    run(*cxx, "-std=c++17", *SPLIT, *STRICT, "-O1", HERE / "allocations.cpp", "-o", work / "allocations")
    return run(work / "allocations")


def windows_h(work):
    need(MINGW, "g++-mingw-w64-x86-64-posix")
    among(work, [MINGW], ["#include <windows.h>"])
    # Those of C are not defined for C++ by this windows.h, as they are by Microsoft's.
    among(work, [MINGW], [*standard_headers(), "#include <windows.h>", "#define min(a, b) (((a) < (b)) ? (a) : (b))",
                          "#define max(a, b) (((a) > (b)) ? (a) : (b))"])


def macro_leaks(work, cxx):
    before = macros_of(cxx, SPLIT, standard_headers())
    for includes, header in [(SINGLE, "presence/presence.hpp"), (SPLIT, "presence/presence.hpp"),
                             *((SPLIT, header) for header in opt_in_headers(cxx))]:
        after = macros_of(cxx, includes, [*standard_headers(), f"#include <{header}>"])
        guards = {guard_of(name) for name in headers()}
        if leaked := after - before - guards - MACROS:
            raise Failure(f"{header} leaves behind: {' '.join(sorted(leaked))}")
        if lost := before - after:
            raise Failure(f"{header} undefines: {' '.join(sorted(lost))}")
        if absent := MACROS - after:
            raise Failure(f"{header} no longer defines: {' '.join(sorted(absent))}")


# How a host compiles.

def bare_program(work, cxx, std):
    source = write(work, "bare.cpp", guest([], opt_in_headers(cxx)))
    run(*cxx, f"-std={std}", *SPLIT, *BARE, *STRICT, "-O1", source, "-o", work / "bare")
    run(work / "bare")


def bare_headers(work, cxx, std):
    sources = [write(work, header.replace("/", "_") + ".cpp", [f"#include <{header}>"]) for header in headers()]
    run(*cxx, f"-std={std}", *SPLIT, *BARE, *STRICT, "-fsyntax-only", *sources)


def every_warning(work, cxx, std):
    # An older clang does not know all of them.
    off = ["-Wno-unknown-warning-option", *(f"-Wno-{name}" for name in TOLERATED)]
    # The host's own headers are its own business; a pragma would also silence what is said at the end of the file.
    included = ["presence/presence.hpp", *opt_in_headers(cxx), "use_all.hpp"]
    source = write(work, "all.cpp", [*(f"#include <{header}>" for header in included),
                                     "int main() { return embed::use_all(); }"])
    run(*cxx, f"-std={std}", *SPLIT, f"-isystem{HERE}", "-Weverything", "-Werror", *off,
        "-fsyntax-only", source)


# How MSVC compiles, which is not to be had here.

def msvc_like():
    """The command of a clang that compiles as MSVC does, as far as it can."""
    need(MINGW, "g++-mingw-w64-x86-64-posix")
    said = run(MINGW, "-x", "c++", "-E", "-v", os.devnull)
    listed = re.search(r"^#include <\.\.\.> search starts here:\n(.*?)^End of search list", said, re.M | re.S)[1].split()
    # Clang has its own in place of those of gcc itself.
    folders = [folder for folder in map(os.path.realpath, listed) if "/c++" in folder or "/lib/gcc/" not in folder]
    need("clang++-19", "clang-19")
    return ["clang++-19", *MSVC_LIKE, *MSVC_LIKE_HEADERS, *(f"-isystem{folder}" for folder in folders)]


def late_templates(std):
    """Clang no longer parses templates late in C++20, nor does MSVC."""
    return ["-fdelayed-template-parsing"] if std == "c++17" else []


def msvc_headers(work):
    """All headers in one file; that each may be included alone is checked with other compilers."""
    flags = ["-std=c++17", *late_templates("c++17"), *STRICT, "-Wmicrosoft", "-Wgnu", "-fsyntax-only"]
    # One is for the names of another library.
    lines = [f"#include <{header}>" for header in headers() if header != "presence/json_hooks.hpp"]
    run(*msvc_like(), *SPLIT, *flags, write(work, "split.cpp", lines))
    run(*msvc_like(), *SINGLE, *flags, write(work, "single.cpp", ["#include <presence/presence.hpp>"]))


def msvc_program(work, std):
    """All of the library, to object code, with its branches for gcc and with those for MSVC."""
    opt_in = [header for header in opt_in_headers(compiler_of("clang++-19")) if header != "presence/json_hooks.hpp"]
    for name, before in {"program": [], "branches": as_msvc()}.items():
        source = write(work, f"{name}.cpp", guest(before, opt_in))
        run(*msvc_like(), f"-std={std}", *SPLIT, *late_templates(std), *STRICT, "-Wmicrosoft", "-Wgnu",
            "-Wno-builtin-macro-redefined", "-c", source, "-o", work / f"{name}.obj")


def as_msvc():
    """Lines behind which the library takes its branches for MSVC. The standard library's headers cannot."""
    return [*standard_headers(), *(f"#undef {name}" for name in GCC_MACROS)]


def msvc_branches(work, cxx):
    """What MSVC compiles in place of built-in functions is run here, and asks for nothing that only gcc has."""
    opt_in = [header for header in opt_in_headers(cxx) if header != "presence/json_hooks.hpp"]
    before = [*as_msvc(), "#define _MSC_VER 1938"]
    attributes = ["#define __declspec(x) [[x]]", "#define noinline gnu::noinline"]
    source = write(work, "branches.cpp", guest([*before, *attributes], opt_in))
    text = own_text(run(*cxx, "-std=c++17", *SPLIT, "-E", source))
    if not text:
        raise Failure("no line of the library was seen")
    if found := [line for line in text if re.search(r"__builtin|__attribute|__atomic|__int128|__asm|vector_size", line)]:
        raise Failure("only gcc has:\n" + "\n".join(found))
    run(*cxx, "-std=c++17", *SPLIT, "-O1", source, "-o", work / "branches")
    run(work / "branches")


# What else is in the program.

def one_unit(work, cxx):
    parts = [f'#include "{HERE / name}"' for name in ("server.cpp", "client.cpp", "tool.cpp", "parts_main.cpp")]
    run(*cxx, "-std=c++17", *SPLIT, *STRICT, write(work, "unity.cpp", parts), "-o", work / "unity")
    run(work / "unity")


def many_units(work, cxx):
    """What is defined in a header is defined in each file."""
    parts = [HERE / name for name in ("server.cpp", "client.cpp", "tool.cpp", "parts_main.cpp")]
    run(*cxx, "-std=c++17", *SPLIT, *STRICT, *parts, "-o", work / "parts")
    run(work / "parts")


def separate(work, cxx):
    """With PRESENCE_SEPARATE the bodies are in one file alone, of the split headers and of the single one."""
    for name, includes in {"split": SPLIT, "single": SINGLE}.items():
        flags = ["-std=c++17", *includes, *STRICT, "-Wredundant-decls", "-DPRESENCE_SEPARATE=1"]
        objects = {}
        for part in ("bodies", "server", "client", "tool", "parts_main"):
            objects[part] = work / f"{name}_{part}.o"
            run(*cxx, *flags, "-c", HERE / f"{part}.cpp", "-o", objects[part])
        bodies = defined_in(objects["bodies"], "T")
        if not any("parse_event" in symbol for symbol in bodies):
            raise Failure("the file of the bodies has no parse_event")
        for part in ("server", "client", "tool"):
            if twice := bodies & defined_in(objects[part]):
                raise Failure(f"{part}.cpp has bodies as well:\n" + "\n".join(sorted(twice)))
        run(*cxx, *objects.values(), "-o", work / "parts")
        run(work / "parts")
        all_used = write(work, "all.cpp", guest([], opt_in_headers(cxx)))
        run(*cxx, *flags, all_used, objects["bodies"], "-o", work / "all")
        run(work / "all")


def separate_bare(work, cxx):
    flags = [*SPLIT, *BARE, *STRICT, "-DPRESENCE_SEPARATE=1"]
    run(*cxx, "-std=c++20", *flags, "-O1", write(work, "all.cpp", guest([], opt_in_headers(cxx))), HERE / "bodies.cpp",
        "-o", work / "all")
    run(work / "all")


def separate_in_one_unit(work, cxx):
    """A unity build, in which the file of the bodies may come first or last."""
    parts = [f'#include "{HERE / name}"' for name in ("server.cpp", "client.cpp", "tool.cpp", "parts_main.cpp")]
    bodies = f'#include "{HERE / "bodies.cpp"}"'
    for lines in ([bodies, *parts], [*parts, bodies]):
        run(*cxx, "-std=c++17", *SPLIT, *STRICT, "-DPRESENCE_SEPARATE=1", write(work, "unity.cpp", lines),
            "-o", work / "unity")
        run(work / "unity")


def separate_is_asked_for(work, cxx):
    """The bodies alone would be in a header-only program twice, and a value that is neither on nor off is a mistake."""
    for option, told in {"-DPRESENCE_SEPARATE=0": "PRESENCE_IMPLEMENTATION is for PRESENCE_SEPARATE",
                         "-DPRESENCE_SEPARATE=": "define PRESENCE_SEPARATE as 1 or 0",
                         "-DPRESENCE_SEPARATE=2": "define PRESENCE_SEPARATE as 1 or 0"}.items():
        done = subprocess.run([*cxx, "-std=c++17", *SPLIT, "-fsyntax-only", option, HERE / "bodies.cpp"],
                              capture_output=True, text=True)
        if done.returncode == 0 or told not in done.stderr:
            raise Failure(f"{option} was not refused:\n{done.stderr}")


def separate_after_all(work, cxx):
    """A precompiled header includes the umbrella before the file of the bodies asks for them."""
    flags = ["-std=c++17", *SPLIT, *STRICT, "-DPRESENCE_SEPARATE=1", "-include", "presence/presence.hpp"]
    parts = [HERE / name for name in ("bodies.cpp", "server.cpp", "client.cpp", "tool.cpp", "parts_main.cpp")]
    run(*cxx, *flags, *parts, "-o", work / "parts")
    run(work / "parts")


def crowded_scope(work, cxx):
    for std in ("c++17", "c++20"):
        run(*cxx, f"-std={std}", *SPLIT, HERE / "crowded_scope.cpp", "-o", work / "crowded")
        run(work / "crowded")


def options_differ(work, cxx):
    """Two files that disagree about an option have two libraries, not one that is mixed."""
    for level in ("-O0", "-O2"):
        objects = []
        for part, options in {"plain": [], "counted": ["-DWITH_ALLOCATOR"]}.items():
            objects.append(work / f"{part}.o")
            run(*cxx, "-std=c++17", *SPLIT, level, f"-DPART={part}", *options, "-c", HERE / "options_part.cpp",
                "-o", objects[-1])
        plain, counted = (defined_in(file) for file in objects)
        if both := {name for name in plain & counted if "presence" in name}:
            raise Failure("one name, two bodies:\n" + "\n".join(sorted(both)))
        if not any("presence" in name for name in plain) or not any("presence" in name for name in counted):
            raise Failure("no symbol of the library was seen")
        run(*cxx, "-std=c++17", *objects, HERE / "options_main.cpp", "-o", work / "options")
        run(work / "options")


def same_text(work, cxx, *machine):
    """Linkers take one of many equal functions without a look at them. Whatever options do not name the inline
    namespace must leave every token as it is. (json_hooks.hpp names its one function by the option.)"""
    source = write(work, "umbrella.cpp", ["#include <presence/presence.hpp>"])
    expected = None
    for options in (["-std=c++17"], ["-std=c++20"], ["-std=c++17", "-O2"], ["-std=gnu++17", "-DNDEBUG"],
                    ["-std=c++17", *BARE], ["-std=c++17", *machine]):
        text = without_three_way(own_text(run(*cxx, *SPLIT, "-E", *options, source)))
        expected = expected or text
        if not text or text != expected:
            other = next((pair for pair in zip(expected, text) if pair[0] != pair[1]), ("", "there is more of one"))
            raise Failure(f"with {shlex.join(options)} the text is another:\n" + "\n".join(other))


def without_three_way(lines):
    """The lines without operator<=>, which only C++20 has. It is a function of its own, which no other one uses."""
    kept, is_inside = [], False
    for line in lines:
        is_inside = is_inside or "operator<=>" in line
        if not is_inside:
            kept.append(line)
        is_inside = is_inside and not line.rstrip().endswith("}")
    return kept


def own_text(preprocessed):
    """The lines that come from the library's headers."""
    lines, is_own = [], False
    for line in preprocessed.splitlines():
        if marker := re.match(r'# \d+ "(.*?)"', line):
            is_own = marker[1].startswith(str(ROOT / "include"))
        elif is_own and line.strip():
            lines.append(line.strip())
    return lines


def same_text_32_bit(work):
    need(I686, "g++-i686-linux-gnu")
    same_text(work, [I686, "-mno-sse2"], "-msse2")


def defined_in(file, kind=""):
    """The symbols that a file defines: all, or those of one of the kinds of nm."""
    lines = [line.split() for line in run("nm", "--defined-only", file).splitlines() if line.strip()]
    return {line[-1] for line in lines if not kind or line[-2] == kind}


def plugin(work, cxx, *options):
    """Of a later standard than its host, as others compile it."""
    flags = [*SPLIT, "-fvisibility=hidden", "-g", *options]
    run(*cxx, "-std=c++20", *flags, "-fPIC", "-shared", HERE / "plugin.cpp", "-o", work / "plugin.so")
    run(*cxx, "-std=c++17", *flags, HERE / "plugin_host.cpp", "-o", work / "host", "-ldl")
    run(work / "host", work / "plugin.so")


def nothing_at_start(work, cxx):
    """Nothing runs before main or at a first call, and no exceptions or types at run time are needed."""
    source = write(work, "static.cpp", guest([], opt_in_headers(cxx)))
    for level in ("-O0", "-O2"):
        file = work / "static.o"
        run(*cxx, "-std=c++17", *SPLIT, "-fno-exceptions", "-fno-rtti", level, "-c", source, "-o", file)
        names = [line.split()[-1] for line in run("nm", file).splitlines() if line.strip()]
        for start, what in UNWANTED.items():
            if found := [name for name in names if name.startswith(start)]:
                raise Failure(f"{what} at {level}: {' '.join(found)}")
        if found := re.findall(r"\.(?:init_array|ctors)\S*", run("readelf", "-SW", file)):
            raise Failure(f"runs before main at {level}: {' '.join(found)}")


def cells():
    """Name to function of a work directory, in order."""
    def with_compiler(name, check, *arguments):
        return lambda work: check(work, compiler_of(name), *arguments)

    table = {}
    for cxx in ("g++", "clang++"):
        for check in (hostile_macros, no_private, debug_new, plain_malloc, xlib, system_headers):
            table[f"{check.__name__}/{cxx}"] = with_compiler(cxx, check)
    table["windows_h"] = windows_h
    for cxx in ("g++", "clang++"):
        table[f"macro_leaks/{cxx}"] = with_compiler(cxx, macro_leaks)
    for cxx, (_, _, stds) in COMPILERS.items():
        table[f"bare_headers/{cxx}/{stds[0]}"] = with_compiler(cxx, bare_headers, stds[0])
        for std in stds:
            table[f"bare_program/{cxx}/{std}"] = with_compiler(cxx, bare_program, std)
    for cxx in ("clang++", "clang++-19"):
        for std in ("c++17", "c++20"):
            table[f"every_warning/{cxx}/{std}"] = with_compiler(cxx, every_warning, std)
    table["msvc_headers"] = msvc_headers
    for std in ("c++17", "c++20"):
        table[f"msvc_program/{std}"] = lambda work, std=std: msvc_program(work, std)
    for cxx in ("g++", "clang++"):
        table[f"msvc_branches/{cxx}"] = with_compiler(cxx, msvc_branches)
        for check in (one_unit, many_units, separate, separate_bare, separate_in_one_unit, separate_is_asked_for,
                      separate_after_all, crowded_scope, options_differ, plugin, nothing_at_start):
            table[f"{check.__name__}/{cxx}"] = with_compiler(cxx, check)
        table[f"plugin_asan/{cxx}"] = with_compiler(cxx, plugin, "-fsanitize=address", "-fno-sanitize-recover=all")
        table[f"same_text/{cxx}"] = with_compiler(cxx, same_text, "-march=haswell")
    table["allocations"] = with_compiler("g++", allocations)
    table["same_text_32_bit"] = same_text_32_bit
    return table


def run_cell(name, check):
    """What there is to print: how it went and what the check shows; and whether the rest may go on."""
    with tempfile.TemporaryDirectory() as work:
        try:
            return f"{name}: ok\n{check(pathlib.Path(work)) or ''}", True
        except Missing as missing:
            if not os.environ.get("CI"):
                return f"{name}: skipped (package {missing} is missing)\n", True
            return f"{name}: FAILED\npackage {missing} is missing\n", False
        except (Failure, OSError) as error:
            return f"{name}: FAILED\n{error}\n", False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="one cell, or all whose names begin with NAME/")
    parser.add_argument("--keep-going", action="store_true", help="go on behind a failure")
    wanted = parser.parse_args()
    table = cells()
    if wanted.only:
        table = {name: check for name, check in table.items()
                 if name == wanted.only or name.startswith(wanted.only + "/")}
        if not table:
            parser.error(f"no cell is called {wanted.only}: there are {', '.join(cells())}")
    failed = False
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        running = [pool.submit(run_cell, name, check) for name, check in table.items()]
        for cell in running:
            shown, is_well = cell.result()
            print(shown, end="", flush=True)
            failed = failed or not is_well
            if failed and not wanted.keep_going:
                pool.shutdown(cancel_futures=True)
                break
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
