"""How two ends of a connection prove to each other that they know the token, and the keys they get from it.

    rank 0 greets       MAGIC | its nonce
    the other answers   MAGIC | rank, ranks | its nonce | proof over all before
    rank 0 accepts      MAGIC | proof over all before, or refuses: as many bytes without a proof

Every part has a fixed length, so nobody reads more of a stranger than that, and looks at it only once the
proof holds. A proof is an HMAC-SHA256 under the token; it holds for these two nonces only, so one that was
recorded is worth nothing, and each end has a label of its own, so none can be sent back to who made it.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from dataclasses import dataclass

__all__ = [
    "ACCEPTANCE_BYTES",
    "ANSWER_BYTES",
    "GREETING_BYTES",
    "REFUSAL",
    "Claim",
    "Keys",
    "accept",
    "answer",
    "claim_of",
    "greet",
    "is_accepted",
    "is_greeting",
    "seal",
]

_MAGIC = b"expif\0\0\1"  # the last byte is the version of all that is said
_NONCE_BYTES = _PROOF_BYTES = 32
_WHO = struct.Struct("<II")

GREETING_BYTES = len(_MAGIC) + _NONCE_BYTES
ANSWER_BYTES = len(_MAGIC) + _WHO.size + _NONCE_BYTES + _PROOF_BYTES
ACCEPTANCE_BYTES = len(_MAGIC) + _PROOF_BYTES
REFUSAL = bytes(ACCEPTANCE_BYTES)


@dataclass(frozen=True)
class Claim:
    """What an end that knows the token says it is."""

    rank: int
    ranks: int


@dataclass(frozen=True)
class Keys:
    """What the two directions of one connection are sealed with."""

    to_first: bytes  # rank 0
    from_first: bytes

    @classmethod
    def of(cls, token: bytes, greeting: bytes, answered: bytes) -> Keys:
        """Keys that only these two ends have: both nonces are in them."""
        return cls(*(_proof(token, label, greeting + answered) for label in (b"key to 0", b"key of 0")))


def greet() -> bytes:
    """What rank 0 says first."""
    return _MAGIC + secrets.token_bytes(_NONCE_BYTES)


def is_greeting(greeting: bytes) -> bool:
    """Whether rank 0 of this version said so."""
    return len(greeting) == GREETING_BYTES and greeting.startswith(_MAGIC)


def answer(token: bytes, greeting: bytes, claim: Claim) -> bytes:
    """What another rank says to that."""
    said = _MAGIC + _WHO.pack(claim.rank, claim.ranks) + secrets.token_bytes(_NONCE_BYTES)
    return said + _proof(token, b"rank K", greeting + said)


def claim_of(token: bytes, greeting: bytes, answered: bytes) -> Claim | None:
    """Who answered; None for one that does not know the token, of which nothing is looked at."""
    said, proof = answered[:-_PROOF_BYTES], answered[-_PROOF_BYTES:]
    known = hmac.compare_digest(proof, _proof(token, b"rank K", greeting + said))
    if not known or len(answered) != ANSWER_BYTES or not said.startswith(_MAGIC):
        return None
    return Claim(*_WHO.unpack_from(said, len(_MAGIC)))


def accept(token: bytes, greeting: bytes, answered: bytes) -> bytes:
    """What rank 0 says to one that knows the token."""
    return _MAGIC + _proof(token, b"rank 0", greeting + answered)


def is_accepted(token: bytes, greeting: bytes, answered: bytes, accepted: bytes) -> bool:
    """Whether who said so knows the token too."""
    return hmac.compare_digest(accepted, accept(token, greeting, answered))


def seal(key: bytes, number: int, *parts: bytes | bytearray | memoryview) -> bytes:
    """32 bytes that only an end of the connection can make, for the frame of this number in its direction."""
    state = hmac.new(key, number.to_bytes(8, "little"), "sha256")
    for part in parts:
        state.update(part)
    return state.digest()


def _proof(token: bytes, label: bytes, said: bytes) -> bytes:
    return hmac.digest(token, label + said, "sha256")
