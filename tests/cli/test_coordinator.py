"""Values too large to be sent at once, through the coordination service itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .test_ranks import SECONDS, free_address

SWAP = """
import sys
from jax._src.distributed import global_state
from cli import coordinator
from cli.coordinator import Coordinator

address, rank, size, part = sys.argv[1], *map(int, sys.argv[2:])
coordinator._PART = part or coordinator._PART
here = Coordinator(address, rank, 2, 60)
sent = []
service = global_state.client
class Client:
    def __getattr__(self, name):
        return getattr(service, name)
    def key_value_set_bytes(self, key, value):
        sent.append(len(value))
        service.key_value_set_bytes(key, value)
here._client = lambda: Client()
values = [bytes([7 + rank]) * size + b"end" for rank in (0, 1)]
here.publish(f"value/{rank}", values[rank])
assert here.read(f"value/{1 - rank}") == values[1 - rank]
here.publish(f"read/{rank}", b"")
assert here.read(f"read/{1 - rank}") == b""
here.remove(f"value/{rank}")
assert [key for key, _ in service.key_value_dir_get_bytes("value/") if f"value/{rank}" in key] == []
print(max(sent), len(sent))
here.leave()
"""


@pytest.mark.parametrize(
    ("size", "part", "largest", "calls"),
    [(100, 10, 10, 1 + 11 + 1), (40 << 20, 0, 16 << 20, 1 + 3 + 1), (0, 0, 3, 1 + 1 + 1)],
)
def test_large_values_are_sent_in_parts(size: int, part: int, largest: int, calls: int) -> None:
    """So that the heartbeats of a rank come between them."""
    address = free_address()
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", SWAP, *map(str, (address, rank, size, part))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    for rank in ranks:
        out, err = rank.communicate(timeout=SECONDS)
        assert (out, rank.returncode) == (f"{largest} {calls}\n", 0), err
