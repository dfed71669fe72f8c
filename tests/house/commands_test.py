# SPDX-License-Identifier: Apache-2.0
"""What the documents tell people to run is there: subjects, operations, scenarios, policies, and tests.

usage: commands_test.py BUILD_DIRECTORY [unittest's arguments]
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import unittest

from tree import ROOT, run

BUILD = ""
PAPERS = ["README.md", *sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))]
# Names that stand for the reader's own.
READERS_OWN = ("./my_lock.so", "X", "LOCK", "S", "OP", "N")


def commands_in(text):
    """What stands in backticks, also across lines, and each line of an indented block. In tables | is written \\|."""
    quoted = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for command in quoted + re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE):
        try:
            yield shlex.split(" ".join(command.replace("\\|", "|").split()), comments=True)
        except ValueError:  # an apostrophe: prose
            continue


def values_of(command, option):
    for given, value in zip(command, command[1:]):
        if given == option:
            yield from value.split(",")


def listed():
    """Section of heirlock audit --list -> the names in it."""
    sections, current = {}, None
    for line in run(os.path.join(BUILD, "bin", "heirlock"), "audit", "--list").stdout.splitlines():
        if line and not line.startswith(" "):
            current = sections.setdefault(line.split()[0].rstrip(":"), set())
        elif re.match(r"  \S", line):
            current.add(line.split()[0])
    return sections


class Commands(unittest.TestCase):
    def papers(self):
        for paper in PAPERS:
            with open(os.path.join(ROOT, paper), encoding="utf-8") as file:
                for command in commands_in(file.read()):
                    yield paper, command

    def test_every_audit_that_is_quoted_names_what_there_is(self):
        known = listed()
        seen = 0
        for paper, command in self.papers():
            if command[:2] not in (["heirlock", "audit"], ["heirlock", "reproduce"], ["heirlock", "compare"]):
                continue
            seen += 1
            for option, section in (("--subject", "subjects"), ("--op", "operations"), ("--scenario", "scenarios"),
                                    ("--policy", "kernel")):
                for value in values_of(command, option):
                    value = value.rstrip("].")
                    if value in READERS_OWN:
                        continue
                    file = os.path.join(BUILD, os.path.relpath(value, os.path.join("build", "dev")))
                    there = os.path.exists(file) if "/" in value else value in known[section]
                    self.assertTrue(there, f"{paper}: {' '.join(command)}: no {value}")
        self.assertGreater(seen, 20)

    def test_every_choice_of_tests_that_is_quoted_chooses_some(self):
        # The inner ctest must not think that it is the outer one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CTEST")}
        listing = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], stdout=subprocess.PIPE, text=True, check=True,
                                 timeout=110, env=environment).stdout
        names = re.findall(r"^ *Test +#\d+: (.*)$", listing, re.MULTILINE)
        seen = 0
        for paper, command in self.papers():
            if command[:1] != ["ctest"]:
                continue
            for pattern in (value for given, value in zip(command, command[1:]) if given == "-R"):
                if pattern in READERS_OWN:
                    continue
                seen += 1
                self.assertTrue(any(re.search(pattern, name) for name in names), f"{paper}: no test for {pattern}")
        self.assertGreater(seen, 10)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
