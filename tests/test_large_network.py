"""The committed measurements of the network of 100 million weights and their page."""

import json
from pathlib import Path

import large_network
import large_page

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_is_that_of_the_numbers_and_marks_what_is_beyond_the_bound() -> None:
    found = json.loads((DOCS / "large_network.json").read_text(encoding="utf-8"))
    assert large_page.page(found) == (DOCS / "large_networks.md").read_text(encoding="utf-8")
    row = found["programs"][0]["commands"][0]
    row["peak_mb"] = 2 * found["programs"][0]["bound_mb"]
    assert "| **200%** |" in large_page.page(found)


def test_the_bound_is_three_times_the_packed_weights_and_500_mb() -> None:
    assert large_network.weights() >= 100_000_000
    assert large_network.bound_mb(8) == 3 * large_network.weights() / 1e6 + 500
    assert large_network.bound_mb(4) == 1.5 * large_network.weights() / 1e6 + 500
