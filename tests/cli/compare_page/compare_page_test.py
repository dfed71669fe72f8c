# SPDX-License-Identifier: Apache-2.0
"""heirlock compare --html, looked at in a browser: python3 compare_page_test.py PROGRAM CHROMEDRIVER [-v]"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PROGRAM, DRIVER = sys.argv[1:3]
BOUND = 60  # seconds, for the browser to do one thing


def compared(folder):
    """A small comparison: the page, and the document that was printed in the same run."""
    page = pathlib.Path(folder, "page.html")
    # Where the last one cannot be performed (it takes privilege), asking for it is trouble.
    for scenarios in ("reuse-same-process,waiter-asleep,oom-kill", "reuse-same-process,waiter-asleep"):
        run = subprocess.run(
            [PROGRAM, "compare", "--quick", "--json", "--html", page, "--subject", "robust-list,pthread-normal",
             "--scenario", scenarios],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=240, check=False)
        if run.returncode != 2:
            break
    assert run.returncode == 1, "these locks have violations"
    return page, json.loads(run.stdout)


def browser(folder):
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile",
                     "--window-size=1400,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(DRIVER), options=options)


def those_that_name(folder):
    """The processes whose command line or environment names the folder, but for this one."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        for what in ("cmdline", "environ"):
            try:
                if int(process) != os.getpid() and os.fsencode(folder) in pathlib.Path("/proc", process, what).read_bytes():
                    found.append(int(process))
                    break
            except OSError:  # it has ended, or is not ours
                continue
    return found


def take_away(folder):
    """The browser's processes write into the folder until they end, which is after quit() has returned."""
    deadline = time.monotonic() + BOUND
    while left := those_that_name(folder):
        if time.monotonic() > deadline:
            for process in left:
                os.kill(process, signal.SIGKILL)
            raise AssertionError(f"the browser left processes behind: {left}")
        time.sleep(0.01)
    shutil.rmtree(folder)


class ComparePage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ["NO_PROXY"] = "*"  # the driver is on this machine
        folder = tempfile.mkdtemp(prefix="heirlock-page-")
        cls.addClassCleanup(take_away, folder)
        # Whatever the driver and the browser make has its place there too.
        os.environ["TMPDIR"] = folder
        cls.page, cls.document = compared(folder)
        cls.browser = browser(folder)
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.set_window_size(1400, 1000)
        self.browser.get(self.page.as_uri())

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, condition, what):
        WebDriverWait(self.browser, BOUND).until(lambda _: condition(), what)

    def cases_of(self, cell):
        return [c for c in self.document["cases"] if f'{c["subject"]} {c["policy"]} {c["scenario"]}' == cell]

    def open(self, cell):
        self.one(f'button[data-cell="{cell}"]').click()
        self.wait(self.one("#detail").is_displayed, "the detail opens")

    def test_it_loads_without_an_error_and_asks_for_nothing(self):
        self.assertEqual([], [line for line in self.browser.get_log("browser") if line["level"] == "SEVERE"])
        self.assertEqual([], self.browser.execute_script(
            "return performance.getEntriesByType('resource').map((r) => r.name).filter((n) => !n.startsWith('data:'))"))
        self.assertIn("Linux " + self.document["cases"][0]["kernel"], self.one("#about").text)

    def test_each_cell_says_what_the_document_says(self):
        cells = self.all("#matrix button")
        wanted = {f'{c["subject"]} {c["policy"]} {c["scenario"]}' for c in self.document["cases"]}
        self.assertEqual(wanted, {c.get_attribute("data-cell") for c in cells})
        kinds = set()
        for cell in cells:
            counts = {}
            for case in self.cases_of(cell.get_attribute("data-cell")):
                for verdict, count in case["verdicts"].items():
                    counts[verdict] = counts.get(verdict, 0) + count
            wrong = {f"{count} {verdict}" for verdict, count in counts.items() if verdict not in ("ok", "modelled")}
            mildest, kind = ("modelled", "other") if "modelled" in counts else ("ok", "ok")
            lacks = any(c["premise_missing"] for c in self.cases_of(cell.get_attribute("data-cell")))
            self.assertEqual(wrong or {mildest + ("*" if lacks else "")}, set(cell.text.split("\n")))
            self.assertEqual("bad" if wrong else kind, cell.get_attribute("class"))
            kinds.add(cell.get_attribute("class"))
        self.assertEqual({"ok", "bad"} | ({"other"} if self.has_oom_kill() else set()), kinds,
                         "this test has seen every kind")

    def has_oom_kill(self):
        return any(c["scenario"] == "oom-kill" for c in self.document["cases"])

    def test_the_legend_explains_each_verdict_that_a_cell_has_in_the_colour_of_the_cell(self):
        entries = {entry.find_element(By.TAG_NAME, "b").text: entry for entry in self.all("#legend li")}
        self.assertEqual({"ok"} | {v for c in self.document["cases"] for v in c["verdicts"]}, set(entries))
        for verdict, entry in entries.items():
            self.assertEqual({"ok": "ok", "modelled": "other"}.get(verdict, "bad"),
                             entry.find_element(By.TAG_NAME, "b").get_attribute("class"))
            self.assertGreater(len(entry.text), len(verdict) + 10, "it says what the verdict means")

    def test_a_modelled_cell_opens_as_others_do_and_counts_no_violation(self):
        if not self.has_oom_kill():
            self.skipTest("the OOM killer cannot be had here")
        cell = "robust-list oom-spare oom-kill"
        self.open(cell)
        shown = self.one("#detail").text
        self.assertIn("policy oom-spare", shown)
        for case in self.cases_of(cell):
            self.assertEqual(["modelled"], list(case["verdicts"]))
            self.assertIn(f'{case["op"]}: {case["kill_points"]} kill points, {case["verdicts"]["modelled"]} modelled',
                          shown)
            self.assertIn(case["replay"], shown)
        self.assertEqual([], self.all("#detail tr.bad"))

    def test_headings_stay_where_a_long_table_scrolls(self):
        self.browser.set_window_size(900, 260)
        seen = self.browser.execute_script("""
            const box = document.querySelector('#matrix').parentElement;
            box.scrollTop = box.scrollHeight;
            box.scrollLeft = box.scrollWidth;
            const frame = box.getBoundingClientRect();
            const of = (selector) => document.querySelector(selector).getBoundingClientRect();
            const last = of('#matrix tbody tr:last-child th');
            return {scrolled: box.scrollTop, head: of('#matrix thead th').top - frame.top, side: last.left - frame.left};""")
        self.assertGreater(seen["scrolled"], 0, "the table is longer than its frame")
        self.assertLess(abs(seen["head"]), 3)
        self.assertLess(abs(seen["side"]), 3)

    def test_a_click_on_a_bad_cell_shows_its_window_and_how_to_replay_it(self):
        cell = "robust-list stock reuse-same-process"
        self.open(cell)
        shown = self.one("#detail").text
        marked = [row.text for row in self.all("#detail tr.bad")]
        steps = 0
        for case in self.cases_of(cell):
            for bad in case["violations"]:
                steps += 1
                self.assertTrue(any(row.startswith(f'▶ {bad["step"]} ') and bad["instruction"] in row and
                                    f'{bad["before"]} → {bad["after"]}' in row for row in marked), (bad, marked))
            if case["violations"]:
                self.assertIn(case["violations"][0]["replay"], shown)
            self.assertIn(f'{case["op"]}: {case["kill_points"]} kill points', shown)
        self.assertEqual(steps, len(marked))
        self.assertGreater(steps, 0)
        self.one("body").send_keys(Keys.ESCAPE)
        self.wait(lambda: not self.one("#detail").is_displayed(), "Escape closes the detail")

    def test_an_instruction_of_the_window_before_which_nobody_was_killed_is_marked(self):
        cell = "robust-list stock reuse-same-process"
        self.open(cell)
        untried = [row for case in self.cases_of(cell) for row in case["window"] if not row.get("judged", True)]
        self.assertGreater(len(untried), 0, "one kill point of a kind leaves some out")
        self.assertEqual(len(untried), len([row for row in self.all("#detail table.code tr") if row.text.endswith("not judged")]))

    def test_a_click_on_a_good_cell_says_how_to_audit_it_again(self):
        cell = "robust-list stock waiter-asleep"
        self.open(cell)
        for case in self.cases_of(cell):
            self.assertIn(case["replay"], self.one("#detail").text)
        self.one("#close").click()
        self.wait(lambda: not self.one("#detail").is_displayed(), "Close closes the detail")

    @staticmethod
    def figure(ratio):
        return f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}"

    def test_costs_are_charted_and_told_in_a_table(self):
        costs = self.document["costs"]
        metrics = list(costs["robust-list"])
        rows = [row.text for row in self.all("#costs tbody tr")]
        self.assertEqual([" ".join([name, *(self.figure(c[m]) for m in metrics)]) for name, c in costs.items()], rows)
        painted = self.browser.execute_script("""
            return [...document.querySelectorAll('#charts canvas')].map((c) => {
              const pixels = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
              return pixels.some((byte, i) => i % 4 === 3 && byte > 0);
            });""")
        self.assertEqual([True] * len(metrics), painted)

    def test_it_has_a_light_and_a_dark_form(self):
        ground = lambda: self.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        seen = []
        for wish in ("light", "dark"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                         {"features": [{"name": "prefers-color-scheme", "value": wish}]})
            self.wait(lambda: self.browser.execute_script("return document.documentElement.dataset.theme") == wish,
                      f"the page follows the system's wish for {wish}")
            seen.append(ground())
        self.assertNotEqual(*seen)
        self.one("#theme").click()
        self.assertEqual(seen[0], ground(), "the button overrules the system's wish")

    def test_a_narrow_window_scrolls_its_tables_and_not_the_page(self):
        self.browser.set_window_size(500, 800)
        self.wait(lambda: self.browser.execute_script(
            "return innerWidth < 700 && document.documentElement.scrollWidth <= document.documentElement.clientWidth"),
            "the page is no wider than its window, once the charts have followed it")


if __name__ == "__main__":
    if "HEIRLOCK_NO_SECCOMP" in os.environ:
        print("skipped: Chromium does not start on a kernel that gives no seccomp filter")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
