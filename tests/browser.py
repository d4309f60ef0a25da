"""A browser without a window, for tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.tools import require_tool
from tests.tools import need

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser", "complaints", "log"]

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests may be run by root, whom the sandbox refuses
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
)


@contextmanager
def browser(folder: Path, wide: int = 1000, high: int = 1200) -> Iterator[Chrome]:
    """Chromium with a profile in `folder`; skips, or fails, as `tests.tools.need`."""
    need("chromium", "chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(require_tool("chromium"))
    for option in (*_OPTIONS, f"--window-size={wide},{high}", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(require_tool("chromedriver"))))
    try:
        yield driver
    finally:
        driver.quit()


def complaints(driver: Chrome) -> list[Any]:
    """What pages have written to the console since this was asked last."""
    return [row["message"] for row in log(driver, "browser")]


def log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """What came into the log `kind`, browser or performance, since this was asked last."""
    found: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return found
