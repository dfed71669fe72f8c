# SPDX-License-Identifier: Apache-2.0
"""What is written down about the house agrees with the house."""

import os
import re
import unittest

from tree import ROOT


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Papers(unittest.TestCase):
    def test_every_check_that_is_off_has_its_reason_and_every_reason_its_check(self):
        for path in (".clang-tidy", "tests/.clang-tidy"):
            comments, checks = read(path).split("\n---\n", 1)
            reasons = set(re.findall(r"^# -([\w.*-]+): \S", comments, re.MULTILINE))
            off = set(re.findall(r"^  -([\w.-][\w.*-]*),?$", checks, re.MULTILINE))
            self.assertTrue(off, path)
            self.assertEqual(off, reasons, path)

    def test_every_package_has_its_reason_and_stands_once(self):
        lines = [line.split(None, 1) for line in read("scripts/packages.txt").splitlines()
                 if line and not line.startswith("#")]
        self.assertTrue(lines)
        self.assertEqual([line for line in lines if len(line) != 2], [])
        names = [name for name, _ in lines]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_every_library_that_is_installed_is_accounted_for(self):
        wanted = re.findall(r"^(lib\S+-dev|nlohmann\S+)", read("scripts/packages.txt"), re.MULTILINE)
        self.assertTrue(wanted)
        told = read("docs/dependencies.md")
        self.assertEqual([name for name in wanted if f"`{name}`" not in told], [])

    def test_the_files_that_are_pointed_to_are_there(self):
        for paper in ("CONTRIBUTING.md", "CHANGELOG.md", "docs/dependencies.md", "docs/glossary.md"):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(paper)):
                full = os.path.join(ROOT, os.path.dirname(paper), target)
                self.assertTrue(os.path.exists(full), f"{paper} points to {target}")


if __name__ == "__main__":
    unittest.main()
