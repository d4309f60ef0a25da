"""Where schedulers say that ranks meet."""

from __future__ import annotations

import pytest

from cli.ranks.places import Place, place_of
from expifref.exceptions import ParameterError

SLURM = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURM_NTASKS": "8"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8"}
URI = "OMPI_MCA_orte_hnp_uri"


@pytest.fixture(autouse=True)
def _no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SLURM, *OPEN_MPI, URI, "SLURM_STEP_NODELIST"):
        monkeypatch.delenv(name, raising=False)


def scheduled(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> Place:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return place_of("auto", None, None)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("node001", "node001"),
        ("node001,host2", "node001"),
        ("node[001-015],host2", "node001"),
        ("node[003,007-015],host2", "node003"),
        ("a-b.example", "a-b.example"),
    ],
)
def test_slurm(monkeypatch: pytest.MonkeyPatch, nodes: str, host: str) -> None:
    place = scheduled(monkeypatch, {**SLURM, "SLURM_STEP_NODELIST": nodes})
    assert (place.host, place.rank, place.ranks) == (host, 3, 8)
    assert 61440 <= place.port <= 65535


def test_steps_of_one_job_meet_at_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    step = {**SLURM, "SLURM_STEP_NODELIST": "a"}
    ports = [scheduled(monkeypatch, {**step, "SLURM_STEP_ID": str(k)}).port for k in range(8)]
    assert len(set(ports)) == 8
    assert scheduled(monkeypatch, step).port == ports[0]


@pytest.mark.parametrize(
    ("uri", "host", "address"),
    [
        ("1531576320.0;tcp://10.96.0.1,10.148.0.1,10.108.0.1:34911", "10.96.0.1", "10.96.0.1"),
        ("1531576320.0;tcp://10.96.0.1:34911", "10.96.0.1", "10.96.0.1"),
        ("1314521088.0;tcp6://[fe80::b9b,2620:10d:c083:150e::3000:2]:43370", "fe80::b9b", "[fe80::b9b]"),
    ],
)
def test_open_mpi(monkeypatch: pytest.MonkeyPatch, uri: str, host: str, address: str) -> None:
    place = scheduled(monkeypatch, {**OPEN_MPI, URI: uri})
    assert (place.host, place.rank, place.ranks) == (host, 3, 8)
    assert place.address == f"{address}:{place.port}"
    assert 61440 <= place.port <= 65535


@pytest.mark.parametrize("settings", [{}, OPEN_MPI, SLURM, {**OPEN_MPI, URI: "1.0;usock"}])
def test_without_a_scheduler(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    with pytest.raises(ParameterError) as caught:
        scheduled(monkeypatch, settings)
    assert str(caught.value) == (
        "`--distributed auto` must run under `srun` or the `mpirun` of Open MPI 4, but neither says where: "
        "give HOST:PORT, `--rank` and `--ranks`"
    )


@pytest.mark.parametrize("value", ["", "-1", "x", "1" * 10])
def test_a_scheduler_that_says_nonsense(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(ParameterError) as caught:
        scheduled(monkeypatch, {**SLURM, "SLURM_STEP_NODELIST": "a", "SLURM_NTASKS": value})
    assert str(caught.value) == (
        f"`--distributed auto` needs SLURM_NTASKS to be a whole number, not `{value}`: "
        "give HOST:PORT, `--rank` and `--ranks`"
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("alpha:4000", "alpha", 4000), ("127.0.0.1:1", "127.0.0.1", 1), ("[::1]:65535", "::1", 65535)],
)
def test_by_hand(text: str, host: str, port: int) -> None:
    place = place_of(text, 1, 2)
    assert (place.host, place.port, place.address) == (host, port, text)
