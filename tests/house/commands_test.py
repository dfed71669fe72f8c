# SPDX-License-Identifier: Apache-2.0
"""What the documents tell people to run is there: programs, verbs, options, subjects, operations, scenarios, policies, tests.

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
PAPERS = ["README.md", "CONTRIBUTING.md", *sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))]
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


def explained(*verb):
    """What --help says: the names in its sections of options and of subcommands."""
    text = run(os.path.join(BUILD, "bin", "heirlock"), *verb, "--help").stdout
    options = {name for line in re.findall(r"^  (-\S+)", text, re.MULTILINE) for name in line.split(",")}
    verbs = re.findall(r"^  (\w+) ", text.partition("\nSubcommands:\n")[2], re.MULTILINE)
    return options, set(verbs)


def options_of(command):
    """What looks like an option before the -- that ends them; optional ones are in brackets."""
    for word in command[:command.index("--")] if "--" in command else command:
        option = re.match(r"\[?(--[a-z][a-z-]*)", word)
        if option:
            yield option.group(1)


class Commands(unittest.TestCase):
    def papers(self):
        for paper in PAPERS:
            with open(os.path.join(ROOT, paper), encoding="utf-8") as file:
                for command in commands_in(file.read()):
                    yield paper, command

    @staticmethod
    def all_tests(*chosen):
        # The inner ctest must not think that it is the outer one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CTEST")}
        listing = subprocess.run(["ctest", "--test-dir", BUILD, "-N", *chosen], stdout=subprocess.PIPE, text=True, check=True,
                                 timeout=110, env=environment).stdout
        return re.findall(r"^ *Test +#\d+: (.*)$", listing, re.MULTILINE)

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

    def test_every_verb_that_is_quoted_is_there_with_its_options(self):
        general, verbs = explained()
        self.assertIn("audit", verbs)
        options = {verb: explained(verb)[0] | general for verb in verbs}
        seen = set()
        for paper, command in self.papers():
            if not command or command[0] not in ("heirlock", "build/dev/bin/heirlock") or len(command) < 2:
                continue
            verb = command[1]
            if verb.startswith("-"):
                self.assertEqual(set(options_of(command)) - general, set(), f"{paper}: {' '.join(command)}")
                continue
            if not re.fullmatch(r"[a-z]+", verb):  # prose after the name, or a version
                continue
            self.assertIn(verb, verbs, f"{paper}: {' '.join(command)}")
            self.assertEqual(set(options_of(command)) - options[verb], set(), f"{paper}: {' '.join(command)}")
            seen.add(verb)
        self.assertEqual(seen, verbs, "each verb is spoken of somewhere")

    def test_every_program_and_file_that_is_quoted_is_there(self):
        seen = 0
        for paper, command in self.papers():
            for word in command:
                word = word.rstrip(".,:")
                if re.fullmatch(r"build/dev/[\w./-]+\w", word):
                    seen += 1
                    self.assertTrue(os.path.exists(os.path.join(BUILD, os.path.relpath(word, "build/dev"))), f"{paper}: no {word}")
                elif re.fullmatch(r"(scripts|robust_bug|tests|lab|src|include|docs|cmake|\.ci)/[\w./-]+\w", word):
                    seen += 1
                    there = [os.path.join(ROOT, word), os.path.join(ROOT, "lab", word)]
                    self.assertTrue(any(map(os.path.exists, there)), f"{paper}: no {word}")
        self.assertGreater(seen, 30)

    def test_what_is_built_for_a_newcomer_is_all_that_a_user_runs_and_no_test(self):
        commands = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "program"], stdout=subprocess.PIPE, text=True,
                                  check=True, timeout=60).stdout
        made = re.findall(r" -o (\S+)", commands)
        self.assertLessEqual({"bin/heirlock", "bin/heirlock-actor", "bin/heirlock-storm-worker", "bin/robust_bug",
                              "subjects/robust-list.so", "subjects/futex-robust-unlock.so"}, set(made))
        self.assertEqual([name for name in made if name.startswith(("tests/", "bench/"))], [])

    def test_every_make_target_that_is_quoted_is_there(self):
        with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
            targets = set(re.findall(r"^([a-z]+):", file.read(), re.MULTILINE))
        seen = set()
        for paper, command in self.papers():
            if command[:1] == ["make"]:
                for word in command[1:]:
                    if re.fullmatch(r"[a-z]+", word):
                        self.assertIn(word, targets, f"{paper}: {' '.join(command)}")
                        seen.add(word)
        self.assertLessEqual({"run", "test"}, seen)

    def test_what_ci_leaves_out_on_a_kernel_that_is_out_of_order_is_chosen_by_a_label_that_tests_have(self):
        with open(os.path.join(ROOT, ".ci", "run"), encoding="utf-8") as file:
            label = re.search(r"--label-exclude ([\w-]+)", file.read())[1]
        kept, left_out = self.all_tests("--label-exclude", label), self.all_tests("--label-regex", f"^{label}$")
        self.assertEqual(sorted(kept + left_out), sorted(self.all_tests()))
        for one in (r"EveryCase/HeirlockUnderAudit\.", r"sound_lock\.", r"PlantedFaultIsFound\.", r"^cli\.", r"^regress\."):
            self.assertTrue(any(re.search(one, name) for name in left_out), one)
            self.assertFalse(any(re.search(one, name) for name in kept), one)
        for one in (r"^house\.", r"^process\.", r"ExitWalk\.", r"DomainTest\.", r"^CApi\."):
            self.assertTrue(any(re.search(one, name) for name in kept), one)

    def test_every_choice_of_tests_that_is_quoted_chooses_some(self):
        names = self.all_tests()
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
