"""A real browser without a window, for pages that this project writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

from exporters.tools import require_tool

from .tools import need

__all__ = ["browser", "complaints", "log", "open_page"]


@contextmanager
def browser() -> Iterator[Chrome]:
    """Chromium; skipped where it is missing, see `tests.tools`."""
    need("chromium", "chromedriver")
    options = Options()
    options.binary_location = str(require_tool("chromium"))
    # A container gives the browser's own sandbox, and shared memory, too little.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(require_tool("chromedriver"))))
    try:
        yield driver
    finally:
        driver.quit()


def complaints(driver: Chrome) -> list[Any]:
    """What pages have written to the console since this was asked last."""
    return [row["message"] for row in log(driver, "browser")]


def log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """What came into the log `kind`, browser or performance, since this was asked last."""
    found: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]  # Selenium gives it no types
    return found


def open_page(driver: Chrome, path: Path, width: int = 1200, dark: bool = False) -> None:
    """Open the file on a screen `width` pixels wide, and wait until it says that it is ready."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    _command(driver, "Emulation.setDeviceMetricsOverride", screen)
    _command(driver, "Emulation.setEmulatedMedia", {"features": scheme})
    driver.get(path.as_uri())
    WebDriverWait(driver, 60).until(
        lambda one: one.execute_script("return document.documentElement.dataset.ready === 'yes'")
    )


def _command(driver: Chrome, name: str, arguments: dict[str, Any]) -> None:
    driver.execute_cdp_cmd(name, arguments)
