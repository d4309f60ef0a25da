"""Where ranks meet, and which one this is: from options, or from what Slurm and Open MPI say."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass

from expifref.exceptions import ParameterError

from .errors import in_short

__all__ = ["JOIN_SECONDS", "LOOPBACK", "Place", "join_seconds", "place_of"]

JOIN_SECONDS = "EXPIFREF_JOIN_SECONDS"
"""Environment variable: how long to wait for the other ranks to start."""


LOOPBACK = "127.0.0.1"

_AUTO = "auto"
_OPEN_MPI = "OMPI_MCA_orte_hnp_uri"
_DEFAULT_SECONDS = 300
_MOST_SECONDS = 10**6

_FIRST_PORT, _PORTS = 61440, 4096
"""Above those that systems give to whoever asks for any."""


@dataclass(frozen=True)
class Place:
    """Where the ranks meet, and which one this is."""

    host: str
    port: int
    rank: int
    ranks: int
    seconds: int  # to wait for the others

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(distributed: str, rank: int | None, ranks: int | None) -> Place:
    """What the options say.

    Raises:
        ParameterError: they do not belong together, or no scheduler says what they leave to it.
    """
    if distributed == _AUTO:
        if rank is not None or ranks is not None:
            raise ParameterError(
                "`--distributed auto` finds rank and ranks itself: leave `--rank` and `--ranks` out"
            )
        distributed, rank, ranks = _scheduled()
    if rank is None or ranks is None:
        raise ParameterError("`--distributed HOST:PORT` needs `--rank K` and `--ranks N`: give both")
    if rank >= ranks:
        raise ParameterError(f"`--rank` must be 0..{ranks - 1} with `--ranks {ranks}`, not {rank}")
    host, _, port = distributed.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ParameterError(
            "`--distributed` must be `auto` or HOST:PORT with a port of 1..65535, "
            f"not `{in_short(distributed, 100)}`"
        )
    return Place(host.removeprefix("[").removesuffix("]"), int(port), rank, ranks, join_seconds())


def join_seconds() -> int:
    """How long to wait for other ranks; raises ParameterError where the environment says nonsense."""
    text = os.environ.get(JOIN_SECONDS, str(_DEFAULT_SECONDS))
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= _MOST_SECONDS:
        raise ParameterError(
            f"{JOIN_SECONDS} must be a whole number of seconds from 1, not `{in_short(text, 40)}`"
        )
    return int(text)


def _scheduled() -> tuple[str, int, int]:
    """HOST:PORT, rank and ranks."""
    if "SLURM_STEP_NODELIST" in os.environ and "SLURM_PROCID" in os.environ:
        # The first task is on the first machine.
        host = _first_host(os.environ["SLURM_STEP_NODELIST"])
        job = f"{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_STEP_ID')}"
        return f"{host}:{_port(job)}", _number("SLURM_PROCID"), _number("SLURM_NTASKS")
    if _OPEN_MPI in os.environ:
        # 1531576320.0;tcp://10.96.0.1,10.148.0.1:34911 is where mpirun runs, and the first rank with it.
        job, _, places = os.environ[_OPEN_MPI].partition(";")
        found = re.search(r"tcp6?://(\[?)([0-9A-Fa-f.:]+)", places)
        if found is not None:
            host = f"[{found[2]}]" if found[1] else found[2].partition(":")[0]
            return f"{host}:{_port(job)}", _number("OMPI_COMM_WORLD_RANK"), _number("OMPI_COMM_WORLD_SIZE")
    raise ParameterError(
        "`--distributed auto` must run under `srun` or the `mpirun` of Open MPI 4, but neither says where: "
        "give HOST:PORT, `--rank` and `--ranks`"
    )


def _first_host(nodes: str) -> str:
    """Of a list such as `n[001-003,7],other`."""
    found = re.match(r"([^,\[\]]+)(?:\[([^,\-\[\]]+))?", nodes)
    return "" if found is None else found[1] + (found[2] or "")


def _port(job: str) -> int:
    """The same in all ranks of a job, and most often another one in another job."""
    return _FIRST_PORT + zlib.crc32(job.encode()) % _PORTS


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ParameterError(
            f"`--distributed auto` needs {name} to be a whole number, not `{in_short(text, 40)}`: "
            "give HOST:PORT, `--rank` and `--ranks`"
        )
    return int(text)
