"""One run at a time writes to a place; a killed one keeps nobody away and leaves nothing for ever."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from expifref.exceptions import FileFormatError
from expifref.files.claims import claim, hidden_beside
from expifref.files.scratch import scratch_folder, scratch_folder_of
from expifref.files.writing import partial_folder, write_bytes, write_folder, write_text, write_with

BUSY = "`{place}` cannot be written: another run is writing it; wait until that ends, or give another place"

HOLD = """
import sys, time
from pathlib import Path
from expifref.{module} import {name}
with {name}({call}) as found:
    {body}
    print("ready", flush=True)
    time.sleep(600)
"""


def holding(module: str, name: str, call: str, body: str = "pass") -> subprocess.Popen[str]:
    """A process in the middle of `name(call)`."""
    text = HOLD.format(module=module, name=name, call=call, body=body)
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_second_of_two_runs_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    place = tmp_path / "out"
    first = holding("files.claims", "claim", f"Path({str(place)!r})")
    with pytest.raises(FileFormatError) as caught, claim(place):
        pass
    assert str(caught.value) == BUSY.format(place=place)
    kill(first)
    with claim(place):
        assert names(tmp_path) == [".out.claim"]
    assert names(tmp_path) == []


def test_who_waits_is_let_in(tmp_path: Path) -> None:
    place = tmp_path / "out"
    text = f"Path({str(place)!r})"
    first = holding("files.claims", "claim", text)
    second = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from pathlib import Path\nfrom expifref.files.claims import claim\n"
            f"print('asks', flush=True)\nwith claim({text}, wait_seconds=120): print('in')",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert second.stdout is not None
    assert second.stdout.readline() == "asks\n"
    kill(first)
    assert second.communicate()[0] == "in\n"
    assert second.returncode == 0


def test_claims_of_another_name_do_not_meet(tmp_path: Path) -> None:
    with claim(tmp_path / "out"), claim(tmp_path / "out", "writing"), claim(tmp_path / "other"):
        pass


def test_a_claim_does_not_follow_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    hidden_beside(tmp_path / "out", "claim").symlink_to(victim)
    with pytest.raises(FileFormatError), claim(tmp_path / "out"):
        pass
    assert not victim.exists()


def test_a_long_name_has_a_hidden_one_too(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 255)
    write_bytes(place, b"abc")
    assert place.read_bytes() == b"abc"
    assert len(os.fsencode(hidden_beside(place, "claim").name)) <= 255


def test_two_runs_into_one_file(tmp_path: Path) -> None:
    place = tmp_path / "p.json"
    first = holding("files.claims", "claim", f"Path({str(place)!r}), 'writing'")
    with pytest.raises(FileFormatError) as caught:
        write_bytes(place, b"abc")
    assert str(caught.value) == BUSY.format(place=place)
    kill(first)
    write_bytes(place, b"abc")
    assert names(tmp_path) == ["p.json"]


def test_what_a_killed_run_left_of_a_file_is_used_again(tmp_path: Path) -> None:
    place = tmp_path / "p.json"
    beside = hidden_beside(place, "partial.json")
    beside.write_bytes(b"half of someth")
    write_bytes(place, b"abc")
    assert (place.read_bytes(), names(tmp_path)) == (b"abc", ["p.json"])


def test_what_a_killed_run_left_of_a_folder_is_used_again(tmp_path: Path) -> None:
    place = tmp_path / "c"
    body = "(found / 'new').mkdir(); (found / 'new' / 'a.c').write_text('half')"
    first = holding("files.writing", "partial_folder", f"Path({str(place)!r})", body)
    with pytest.raises(FileFormatError) as caught:
        write_folder(place, {"a.c": "whole"})
    assert str(caught.value) == BUSY.format(place=place)
    kill(first)
    assert ".c.partial.folder" in names(tmp_path)
    write_folder(place, {"a.c": "whole"})
    assert (names(tmp_path), names(place)) == (["c"], ["a.c"])


def test_a_folder_that_a_killed_run_had_moved_away_is_put_back(tmp_path: Path) -> None:
    place = tmp_path / "c"
    old = hidden_beside(place, "partial.folder") / "old"
    old.mkdir(parents=True)
    (old / "a.c").write_text("earlier")
    with partial_folder(place) as beside:
        assert names(beside) == []
        assert (place / "a.c").read_text() == "earlier"
    assert names(tmp_path) == ["c"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_says_who_may_read_a_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a", "x")
        write_folder(tmp_path / "b", {"c": "x"})
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == 0o666 & ~umask
    assert mode(tmp_path / "b") == 0o777 & ~umask
    assert mode(tmp_path / "b" / "c") == 0o666 & ~umask


@pytest.mark.parametrize("wanted", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, wanted: int) -> None:
    for name in ("a", "b/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(wanted)
    (tmp_path / "b").chmod(0o700)
    write_text(tmp_path / "a", "y")
    write_folder(tmp_path / "b", {"c": "y"})
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (wanted, 0o700)


def test_behind_a_link_the_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "y")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "y"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(FileFormatError, match=r"`.*a` cannot be written: No space left on device"):
        write_with(tmp_path / "a", fail)
    assert (names(tmp_path), (tmp_path / "a").read_text()) == (["a"], "x")


def test_scratch_of_a_killed_process_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "expifref-scratch-not-a-folder").write_text("")
    other = holding("files.scratch", "scratch_folder", "", "(found / 'x').write_text('x')")
    (held,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    with scratch_folder() as own:
        assert (held / "files" / "x").exists()
        assert names(own) == []
        kill(other)
        with scratch_folder():
            assert not held.exists()
            assert own.exists()
    assert names(tmp_path) == ["expifref-scratch-not-a-folder"]


def test_scratch_goes_with_its_owner() -> None:
    class Owner:
        pass

    owner = Owner()
    folder = scratch_folder_of(owner)
    assert folder.is_dir()
    del owner
    assert not folder.exists()
