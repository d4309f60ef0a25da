"""What the ranks of one job tell each other, through the coordination service of `jax.distributed`.

The service runs in rank 0 and listens on one port. Its store of keys and values is used rather than JAX's
collectives, which need more ports, an equal number of devices on each machine and a host name that other
machines can reach.
"""

from __future__ import annotations

from typing import Any

from expifref.exceptions import ToolError

__all__ = ["Coordinator"]

_ALIVE_SECONDS = 10
"""A rank that was not heard of for so long is dead; JAX then ends the processes of all others."""

_ALWAYS_SECONDS = 10**6
"""One that failed waits with its leave for those that work; of dead ones it hears by `_ALIVE_SECONDS`."""

_PATIENCE_MS = 500
"""A wait in C++ does not see Ctrl-C, so it is cut into pieces of this length."""

_PART = 16 << 20
"""Bytes of a value that are sent at once: beside 300 MB no heartbeat comes through, and all ranks die."""


class Coordinator:
    """The connection of this process to the coordination service."""

    def __init__(self, address: str | None, rank: int | None, ranks: int | None, seconds: int) -> None:
        """Connect, and wait up to `seconds` for all others; None for what JAX finds in its environment.

        Must come before anything else that uses JAX. What goes wrong in here ends the process, not always
        with an exception: see `rank_process`.

        Raises:
            ToolError: the environment does not say which rank this is, or the connection failed.
        """
        import jax

        configuration: Any = jax.config
        # It would catch SIGTERM, after which nothing but SIGKILL ends the process.
        configuration.update("jax_enable_preemption_service", False)
        try:
            jax.distributed.initialize(
                address,
                ranks,
                rank,
                cluster_detection_method=None if address is None else "deactivate",
                initialization_timeout=seconds,
                heartbeat_timeout_seconds=_ALIVE_SECONDS,
                shutdown_timeout_seconds=_ALWAYS_SECONDS,
                coordinator_bind_address=address if _is_loopback(address) else None,
            )
        except (RuntimeError, ValueError) as error:
            raise ToolError(
                f"jax.distributed must be able to connect the ranks, but said: {error}"
            ) from error
        # The devices of all ranks become known now: one that has no samples would never ask for its own.
        jax.local_devices()
        self.rank: int = jax.process_index()
        self.ranks: int = jax.process_count()

    def publish(self, key: str, value: bytes) -> None:
        """Let the others read `value` under `key`."""
        starts = range(0, len(value), _PART)
        self._client().key_value_set_bytes(key, str(len(starts)).encode())
        for number, start in enumerate(starts):
            self._client().key_value_set_bytes(f"{key}/{number}", value[start : start + _PART])

    def read(self, key: str) -> bytes:
        """What was published under `key`, as soon as it is."""
        return b"".join(self._read(f"{key}/{number}") for number in range(int(self._read(key))))

    def remove(self, key: str) -> None:
        """Free the memory of a value that all have read."""
        self._client().key_value_delete(key)  # and its parts, for which it is a folder

    def leave(self) -> None:
        """Wait until all others leave too, and disconnect."""
        from jax import distributed

        shutdown: Any = distributed.shutdown
        shutdown()

    def _read(self, key: str) -> bytes:
        from jax.errors import JaxRuntimeError

        while True:
            try:
                value: bytes = self._client().blocking_key_value_get_bytes(key, _PATIENCE_MS)
                return value
            except JaxRuntimeError as error:
                if not str(error).startswith("DEADLINE_EXCEEDED"):
                    raise ToolError(
                        f"a rank must be able to read what others publish, but: {error}"
                    ) from error

    def _client(self) -> Any:
        # JAX has no public name for it; Orbax and others use this one.
        from jax._src.distributed import global_state

        return global_state.client


def _is_loopback(address: str | None) -> bool:
    """Whether nothing but this machine is meant; else rank 0 listens on all of its addresses, as JAX does."""
    return address is not None and address.startswith(("127.", "localhost:", "[::1]:"))
