#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a C++ file with the contents of files, for pages.hpp.

usage: embed.py --list FOLDER      prints the paths of the files that are served
       embed.py OUTPUT FILE...     writes them
"""
import hashlib
import pathlib
import sys

TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
    '.ico': 'image/x-icon',
    '.js': 'text/javascript; charset=utf-8',
    '.png': 'image/png',
    '.svg': 'image/svg+xml',
}


def literal(content):
    """Returns string literals, one per line of the text. Octal escapes have three digits, so none swallows a digit."""
    def escaped(byte):
        if byte in b'"\\?':
            return '\\' + chr(byte)
        return chr(byte) if 32 <= byte < 127 else f'\\{byte:03o}'

    lines = content.splitlines(keepends=True) or [b'']
    return '\n     '.join('"' + ''.join(map(escaped, line)) + '"' for line in lines)


def main(words):
    if words[0] == '--list':
        folder = pathlib.Path(words[1])
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix in TYPES:
                print(path)
        return
    out = ['#include "pages.hpp"', '', 'namespace service {', '']
    out += ['const Page* find_page(std::string_view name) {', '  using namespace std::string_view_literals;',
            '  static constexpr Page pages[] = {']
    for path in map(pathlib.Path, words[1:]):
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest()[:16]
        out.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{etag}\\"",\n     {literal(content)}sv}},')
    out += ['    {},', '  };', '  for (const Page& page : pages)',
            '    if (!page.name.empty() && page.name == name) return &page;', '  return nullptr;', '}', '',
            '}  // namespace service', '']
    pathlib.Path(words[0]).write_text('\n'.join(out))


if __name__ == '__main__':
    main(sys.argv[1:])
