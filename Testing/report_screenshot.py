"""Makes the picture of a report for the documentation: the demonstration's report, opened in a browser.

report_screenshot.py            computes the demonstration
report_screenshot.py REPORT     takes this report
"""

import sys
import tempfile
from pathlib import Path

from browser import Browser, program

from QSMLogic.cli import main

IMAGE = Path(__file__).parents[1] / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1000, 1180
"""Pixels."""


def write(report: Path) -> None:
    """Write the upper part of a report."""
    found = program()
    if found is None:
        sys.exit("There is no Chromium here: install the package chromium.")
    browser = Browser(found)
    browser.open(report, width=WIDTH, height=HEIGHT)
    browser.screenshot(IMAGE)
    browser.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "demo"
            if main(["demo", "--out", str(out)]) == 0:
                write(out / "report.html")
