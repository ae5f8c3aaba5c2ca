#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uses the library in each way a stranger would; where a version can be asked for, a wrong one must be refused."""
import json
import os
import pathlib
import py_compile
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGING = ROOT / "tests/packaging"
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


def repository(work, version):
    """A Git repository of the sources as they are here, with a tag and with a guide beside the headers."""
    directory = work / "repository"
    directory.mkdir()
    for name in ["LICENSE", "README.md", "meson.build"]:
        shutil.copy(ROOT / name, directory)
    for name in ["include", "single_include", "tests"]:
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "include/presence/README.md").write_text("A guide.\n")
    git = ["git", "-C", directory, "-c", "user.name=consumer", "-c", "user.email=consumer@localhost"]
    run(*git, "init", "--quiet")
    run(*git, "add", "--all")
    run(*git, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message=Import")
    run(*git, "tag", f"v{version.exact}")
    return directory


def meson_subproject(work, version):
    def setup(wanted, **expected):
        directory = project("subproject", work / f"subproject-{re.sub('[^0-9.]', '', wanted)}", WANTED=wanted,
                            FALLBACK=", fallback: 'presence'")
        (directory / "subprojects").mkdir()
        (directory / "subprojects/presence").symlink_to(ROOT, target_is_directory=True)
        # An installed copy must not stand in for the subproject.
        run("meson", "setup", "--wrap-mode=forcefallback", directory / "build", directory, **expected)
        return directory / "build"

    build = setup(f"=={version.exact}")
    run("meson", "compile", "-C", build)
    run_consumer(build / "consumer")
    setup(f">={version.next_breaking}", refused_with="need.*" + re.escape(version.next_breaking))


def meson_wrap(work, source, version):
    # The wrap says which dependency it provides, so the consumer names no fallback.
    directory = project("subproject", work / "wrap", WANTED=f"=={version.exact}", FALLBACK="")
    (directory / "subprojects").mkdir()
    wrap = (PACKAGING / "meson/presence.wrap").read_text()
    if "URL-OF-THE-REPOSITORY" not in wrap:
        raise Failure("presence.wrap has no place for the address")
    (directory / "subprojects/presence.wrap").write_text(wrap.replace("URL-OF-THE-REPOSITORY", source.as_uri()))
    run("meson", "setup", "--wrap-mode=forcefallback", directory / "build", directory)
    run("meson", "compile", "-C", directory / "build")
    run_consumer(directory / "build/consumer")


def find_package(work, prefix, version, *only):
    """Finds the versions given, or each that must be found, and refuses each that must not be."""
    name = prefix.name
    for wanted in only or version.right:
        cmake_project(project("find_package", work / f"find_package-{name}-{wanted}", WANTED=wanted),
                      f"-DCMAKE_PREFIX_PATH={prefix}")
    for wanted in version.wrong if not only else []:
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


def added_target(work, source, version):
    """By include/CMakeLists.txt. What the consumer installs is its own."""
    tag = f"v{version.exact}"
    ways = {"git": f"FetchContent_Declare(presence GIT_REPOSITORY {source.as_uri()} GIT_TAG {tag} SOURCE_SUBDIR include)\n"
                   "FetchContent_MakeAvailable(presence)",
            "directory": f'add_subdirectory("{ROOT}/include" presence)'}
    for name, way in ways.items():
        directory = project("added_target", work / f"added_target-{name}", ADDED=way)
        prefix = work / f"added_target-{name}-prefix"
        cmake_project(directory)
        run("cmake", "--install", directory / "build", "--prefix", prefix)
        if installed := files_in(prefix) - {"bin/consumer"}:
            raise Failure(f"{name}: installed beside the consumer: {sorted(installed)}")


def installed_by_cmake(work, meson_prefix, version):
    """The same files as by Meson, but for those of pkg-config."""
    prefix = work / "cmake_prefix"
    run("cmake", "-S", ROOT / "include", "-B", work / "cmake_build")
    run("cmake", "--install", work / "cmake_build", "--prefix", prefix)
    expected = files_in(meson_prefix) - {"share/pkgconfig/presence.pc"}
    if files_in(prefix) != expected:
        raise Failure(f"by one alone: {sorted(files_in(prefix) ^ expected)}")
    for name in expected:
        if (prefix / name).read_bytes() != (meson_prefix / name).read_bytes():
            raise Failure(f"{name} differs from that of Meson")
    find_package(work, prefix, version, version.exact)
    # In folders that a host chose.
    prefix = work / "cmake_other_prefix"
    run("cmake", "-S", ROOT / "include", "-B", work / "cmake_other_build", "-DCMAKE_INSTALL_INCLUDEDIR=include/games",
        "-DPRESENCE_INSTALL_CMAKEDIR=lib/cmake/presence")
    run("cmake", "--install", work / "cmake_other_build", "--prefix", prefix)
    find_package(work, prefix, version, version.exact)
    run("cmake", "-S", ROOT / "include", "-B", work / "cmake_absolute_build", f"-DCMAKE_INSTALL_INCLUDEDIR={prefix}",
        refused_with="CMAKE_INSTALL_INCLUDEDIR is .*must be relative")


def vcpkg_port(work, meson_prefix, version):
    """The port, run by a stand-in for vcpkg."""
    port = PACKAGING / "vcpkg/presence"
    manifest = json.loads((port / "vcpkg.json").read_text())
    if manifest["name"] != port.name or manifest["version"] != version.exact or manifest["license"] != "MIT":
        raise Failure(f"vcpkg.json says {manifest}")
    if unknown := manifest.keys() - {"name", "version", "description", "license", "dependencies"}:
        raise Failure(f"vcpkg.json has unknown fields: {sorted(unknown)}")
    if manifest["dependencies"] != [{"name": "vcpkg-cmake", "host": True}]:
        raise Failure("vcpkg.json does not depend on just what the portfile calls")
    prefix = work / "vcpkg_prefix"
    run("cmake", f"-DPORTFILE={port / 'portfile.cmake'}", f"-DPORT={port.name}", f"-DCURRENT_PACKAGES_DIR={prefix}",
        f"-DCURRENT_BUILDTREES_DIR={work / 'vcpkg_build'}", "-P", PACKAGING / "stand_in/vcpkg_install.cmake")
    share = {f"share/presence/{name}"
             for name in ("copyright", "usage", "presence-config.cmake", "presence-config-version.cmake")}
    headers = {name for name in files_in(meson_prefix) if name.startswith("include/")}
    if files_in(prefix) != headers | share:
        raise Failure(f"files of one alone: {sorted(files_in(prefix) ^ (headers | share))}")
    find_package(work, prefix, version, version.exact)


def conan_recipe(work, meson_prefix, version):
    """The recipe and its test package, run by a stand-in for Conan."""
    conan = PACKAGING / "conan"
    for number, recipe in enumerate([conan / "conanfile.py", conan / "test_package/conanfile.py"]):
        py_compile.compile(recipe, cfile=work / f"recipe{number}.pyc", doraise=True)
    directory = work / "conan"
    directory.mkdir()
    printed = run(sys.executable, PACKAGING / "stand_in/conan_create.py", conan, directory)
    if EXPECTED not in printed or f"tested presence/{version.exact}\n" not in printed:
        raise Failure(f"the test package printed {printed}")
    headers = {name for name in files_in(meson_prefix) if name.startswith("include/")}
    if files_in(directory / "package") != headers | {"licenses/LICENSE"}:
        raise Failure(f"files of one alone: {sorted(files_in(directory / 'package') ^ headers)}")


def files_in(directory):
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


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


def install(work, prefix, source):
    run("meson", "setup", work / "build", source, f"--prefix={prefix}")
    # Nothing that is installed needs to be built, and the tests would take long.
    run("meson", "install", "--no-rebuild", "-C", work / "build")
    wanted = {path.relative_to(source).as_posix() for path in (source / "include").rglob("*.hpp")}
    wanted |= {f"share/cmake/presence/{name}" for name in ("presence-config.cmake", "presence-config-version.cmake")}
    wanted.add("share/pkgconfig/presence.pc")
    installed = files_in(prefix)
    if missing := wanted - installed:
        raise Failure(f"not installed: {sorted(missing)}")
    if others := installed - wanted:
        raise Failure(f"installed as well: {sorted(others)}")


def main():
    version = Version()
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        prefix = work / "prefix"
        source = repository(work, version)
        steps = {
            "meson subproject": lambda: meson_subproject(work, version),
            "Meson wrap": lambda: meson_wrap(work, source, version),
            "meson install": lambda: install(work, prefix, source),
            "pkg-config": lambda: pkg_config(work, prefix, version),
            "find_package": lambda: find_package(work, prefix, version),
            "CMake install": lambda: installed_by_cmake(work, prefix, version),
            "vcpkg port, by a stand-in": lambda: vcpkg_port(work, prefix, version),
            "Conan recipe, by a stand-in": lambda: conan_recipe(work, prefix, version),
            "moved prefix": lambda: moved(work, prefix, version),
            "FetchContent of the headers": lambda: fetch_content(work),
            "FetchContent, add_subdirectory": lambda: added_target(work, source, version),
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
