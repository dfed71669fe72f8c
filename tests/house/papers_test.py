# SPDX-License-Identifier: Apache-2.0
"""What is written down about the house agrees with the house."""

import os
import re
import unittest

from tree import ROOT, TreeTest


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def papers_of(root):
    """Every Markdown file of the tree, as a path from its root."""
    for folder, subfolders, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        subfolders[:] = [name for name in subfolders
                         if not name.startswith(".") and not (inside == "." and name.startswith("build"))]
        for name in names:
            if name.endswith(".md"):
                yield os.path.normpath(os.path.join(inside, name))


def without_code(text):
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def relative_links(text):
    """The targets of links and images, inline and by reference, that lead into the repository."""
    text = without_code(text)
    for pattern in (r"\]\(\s*<?([^\s)>]+)>?[^)]*\)", r"^\s*\[[^\]]+\]:\s*<?([^\s>]+)"):
        for target in re.findall(pattern, text, re.MULTILINE):
            if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
                yield target


def anchors(text):
    """The names that GitHub gives to headings, and those set by hand."""
    found = set(re.findall(r"""<a\s+(?:id|name)=["']([^"']+)""", text))
    seen = {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL),
                              re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def leads_somewhere(root, paper, link):
    target, _, anchor = link.partition("#")
    if target.startswith("/"):
        return False
    full = os.path.join(root, os.path.dirname(paper), target) if target else os.path.join(root, paper)
    if not os.path.exists(full):
        return False
    if not anchor:
        return True
    with open(full, encoding="utf-8") as file:
        return anchor in anchors(file.read())


class Papers(unittest.TestCase):
    def test_every_check_that_is_off_has_its_reason_and_every_reason_its_check(self):
        for path in (".clang-tidy", "tests/.clang-tidy"):
            comments, checks = read(path).split("\n---\n", 1)
            reasons = set(re.findall(r"^# -([\w.*-]+): \S", comments, re.MULTILINE))
            off = set(re.findall(r"^  -([\w.-][\w.*-]*),?$", checks, re.MULTILINE))
            self.assertTrue(off, path)
            self.assertEqual(off, reasons, path)

    def test_every_package_has_its_purpose_and_its_reason_and_stands_once(self):
        lines = [line.split(None, 2) for line in read("scripts/packages.txt").splitlines()
                 if line and not line.startswith("#")]
        self.assertTrue(lines)
        self.assertEqual([line for line in lines if len(line) != 3], [])
        self.assertEqual({purpose for _, purpose, _ in lines}, {"run", "test"})
        names = [name for name, _, _ in lines]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_every_library_that_is_installed_is_accounted_for(self):
        wanted = re.findall(r"^(lib\S+-dev|nlohmann\S+)", read("scripts/packages.txt"), re.MULTILINE)
        self.assertTrue(wanted)
        told = read("docs/dependencies.md")
        self.assertEqual([name for name in wanted if f"`{name}`" not in told], [])

    def test_what_every_paper_points_to_is_there(self):
        papers = list(papers_of(ROOT))
        self.assertIn("README.md", papers)
        links = [(paper, link) for paper in papers for link in relative_links(read(paper))]
        self.assertGreater(len(links), 30)
        self.assertEqual([(paper, link) for paper, link in links if not leads_somewhere(ROOT, paper, link)], [])

    def test_no_test_is_forgiven_by_a_second_run(self):
        self.assertNotIn("--repeat", read(".ci/run") + read("Makefile"))

    def test_no_figure_is_of_this_machine(self):
        # The reader's is another one.
        for paper in papers_of(ROOT):
            if paper.startswith("docs/"):
                self.assertNotRegex(read(paper), r"(?i)\bthis\s+(virtual\s+)?(machine|computer|kernel here)\b", paper)


class Links(TreeTest):
    """The check of links itself, on a small tree."""

    def broken(self, text):
        self.write("docs/other.md", "# Other `things`\n\n## It's 1, 2: three!\n## Twice\n## Twice\n```\n# no heading\n```\n"
                                    "<a id=\"by-hand\"></a>\n")
        self.write("docs/paper.md", text)
        self.assertEqual(sorted(papers_of(self.root)), ["docs/other.md", "docs/paper.md"])
        return [link for link in relative_links(text) if not leads_somewhere(self.root, "docs/paper.md", link)]

    def test_those_that_lead_somewhere_are_not_told_of(self):
        self.assertEqual(self.broken(
            "# Here\n[a](other.md) [b](other.md#other-things) [c](other.md#its-1-2-three) [d](#here) [e](../docs) [f](other.md#twice-1)\n"
            "[g](https://example.org/nothing) [h](mailto:a@example.org) [i](other.md#by-hand) [j](<other.md>) [k](other.md \"t\")\n"
            "![l](other.md) [m][r]\n\n[r]: other.md#twice\n`[n](not-a-link)`\n```\n[o](not-a-link)\n```\n"), [])

    def test_each_that_leads_nowhere_is_told_of(self):
        self.assertEqual(
            self.broken("# Here\n[a](gone.md) [b](other.md#gone) [c](#gone) [d](other.md#no-heading)\n[e][r]\n\n[r]: gone.txt\n"
                        "[f](/etc/passwd) [g](other.md#twice-2)\n"),
            ["gone.md", "other.md#gone", "#gone", "other.md#no-heading", "/etc/passwd", "other.md#twice-2", "gone.txt"])


if __name__ == "__main__":
    unittest.main()
