#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uses the library in each way a stranger would; where a version can be asked for, a wrong one must be refused."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CXX = shlex.split(os.environ.get("CXX", "c++"))
EXPECTED = '{"id":"john","online":true,"status":"","last_active":"2019-01-07T13:17:42.375Z"}\n'


class Failure(Exception):
    pass


def run(*command, refused_with=None):
    """Runs a command that must succeed or, given a pattern, must fail and print it."""
    command = [str(word) for word in command]
    env = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if refused_with is None:
        as_expected = done.returncode == 0
    else:
        # A message may be wrapped anywhere.
        as_expected = done.returncode != 0 and re.search(refused_with, " ".join(done.stdout.split()))
    if not as_expected:
        wanted = f"refuse with /{refused_with}/" if refused_with else "succeed"
        raise Failure(f"expected to {wanted}: {shlex.join(command)}\nexit status {done.returncode}\n{done.stdout}")
    return done.stdout


def run_consumer(program):
    printed = run(program)
    if printed != EXPECTED:
        raise Failure(f"{program} printed {printed!r}, expected {EXPECTED!r}")


def project(name, directory, **words):
    """A copy of a consumer project with its @WORDS@ filled in."""
    shutil.copytree(HERE / name, directory)
    shutil.copy(HERE / "main.cpp", directory)
    for file in directory.iterdir():
        text = file.read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        file.write_text(text)
    return directory


def cmake_project(directory, *arguments, **expected):
    """Configures a CMake project and, if that should succeed, builds and runs it."""
    run("cmake", "-S", directory, "-B", directory / "build", f"-DCMAKE_CXX_COMPILER={CXX[0]}", *arguments, **expected)
    if not expected:
        run("cmake", "--build", directory / "build")
        run_consumer(directory / "build/consumer")


def compile_and_run(program, *flags):
    run(*CXX, "-std=c++17", *flags, HERE / "main.cpp", "-o", program)
    run_consumer(program)


def meson_subproject(work, version):
    def setup(wanted, **expected):
        directory = project("subproject", work / f"subproject-{re.sub('[^0-9.]', '', wanted)}", WANTED=wanted)
        (directory / "subprojects").mkdir()
        (directory / "subprojects/presence").symlink_to(ROOT, target_is_directory=True)
        # An installed copy must not stand in for the subproject.
        run("meson", "setup", "--wrap-mode=forcefallback", directory / "build", directory, **expected)
        return directory / "build"

    build = setup(f"=={version.exact}")
    run("meson", "compile", "-C", build)
    run_consumer(build / "consumer")
    setup(f">={version.next_breaking}", refused_with="need.*" + re.escape(version.next_breaking))


def find_package(work, prefix, version):
    name = prefix.name
    for wanted in version.right:
        cmake_project(project("find_package", work / f"find_package-{name}-{wanted}", WANTED=wanted),
                      f"-DCMAKE_PREFIX_PATH={prefix}")
    for wanted in version.wrong:
        # What was wanted and what was found are both named.
        message = f'compatible with requested version "{re.escape(wanted)}".*version: {re.escape(version.exact)}'
        cmake_project(project("find_package", work / f"find_package-{name}-{wanted}", WANTED=wanted),
                      f"-DCMAKE_PREFIX_PATH={prefix}", refused_with=message)


def pkg_config(work, prefix, version, *options):
    def ask(*arguments, **expected):
        path = f"PKG_CONFIG_PATH={prefix / 'share/pkgconfig'}"
        return run("env", path, "pkg-config", *options, "--print-errors", *arguments, **expected)

    for wanted in [f"= {version.exact}", f">= {version.major}.{version.minor}"]:
        flags = shlex.split(ask("--cflags", "--libs", f"presence {wanted}"))
        if f"-I{prefix / 'include'}" not in flags:
            raise Failure(f"pkg-config said {flags}, and the headers are in {prefix / 'include'}")
    compile_and_run(work / f"by-pkg-config-{prefix.name}", *flags)
    for wanted in [f">= {version.next_breaking}", f">= {version.major + 1}.0", f"< {version.exact}"]:
        ask("--exists", f"presence {wanted}", refused_with=re.escape(wanted) + ".*" + re.escape(version.exact))


def moved(work, installed, version):
    """A tree that was moved must do as well: a relocatable package does not know where it was put."""
    prefix = installed.rename(work / "moved")
    find_package(work, prefix, version)
    pkg_config(work, prefix, version, "--define-prefix")


def fetch_content(work):
    # A directory that is there already, and an archive as a download would be.
    archive = work / "presence.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ["include", "single_include"]:
            tar.add(ROOT / name, f"presence/{name}")
    # Without its last option CMake 3.24 and later warn about the times of what is unpacked.
    sources = {"directory": f'SOURCE_DIR "{ROOT}"', "archive": f'URL "{archive}" DOWNLOAD_EXTRACT_TIMESTAMP ON'}
    for name, source in sources.items():
        for include in ["include", "single_include"]:
            directory = work / f"fetch_content-{name}-{include}"
            cmake_project(project("fetch_content", directory, FROM=source, INCLUDE=include))


class Version:
    def __init__(self):
        text = (ROOT / "include/presence/version.hpp").read_text()
        self.major, self.minor, self.patch = (
            int(re.search(rf"#define PRESENCE_VERSION_{part} (\d+)", text)[1]) for part in ("MAJOR", "MINOR", "PATCH"))
        self.exact = f"{self.major}.{self.minor}.{self.patch}"
        self.next_breaking = f"{self.major + 1}.0" if self.major else f"0.{self.minor + 1}"
        older = self.major - 1 if self.major else self.minor - 1
        self.wrong = [self.next_breaking, f"{self.major}.{self.minor}.{self.patch + 1}", f"{self.major + 1}.0"]
        if older >= 0:
            self.wrong.append(f"{older}.0" if self.major else f"0.{older}")
        self.wrong = sorted(set(self.wrong))
        self.right = [f"{self.major}.{self.minor}", self.exact]


def install(work, prefix):
    run("meson", "setup", work / "build", ROOT, f"--prefix={prefix}")
    # Nothing that is installed needs to be built, and the tests would take long.
    run("meson", "install", "--no-rebuild", "-C", work / "build")
    source = ROOT / "include"
    for file in source.rglob("*"):
        if file.is_file() and not (prefix / "include" / file.relative_to(source)).is_file():
            raise Failure(f"not installed: {file.relative_to(source)}")


def main():
    version = Version()
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        prefix = work / "prefix"
        steps = {
            "meson subproject": lambda: meson_subproject(work, version),
            "meson install": lambda: install(work, prefix),
            "pkg-config": lambda: pkg_config(work, prefix, version),
            "find_package": lambda: find_package(work, prefix, version),
            "moved prefix": lambda: moved(work, prefix, version),
            "FetchContent": lambda: fetch_content(work),
            "-I include": lambda: compile_and_run(work / "by-include", "-I", ROOT / "include"),
            "-I single_include": lambda: compile_and_run(work / "by-single-include", "-I", ROOT / "single_include"),
        }
        failed = False
        for name, step in steps.items():
            try:
                step()
                print(f"{name}: ok", flush=True)
            except (Failure, OSError) as error:
                failed = True
                print(f"{name}: FAILED: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
