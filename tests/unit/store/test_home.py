"""Where things lie, and whether a runtime is alive there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import RuntimeAlreadyRunning, SocketFolderNotPrivate, SocketPathTooLong
from store.home import Beat, Home
from store.launch import Launch, read_launch, write_launch


def test_the_socket_has_a_short_name_whatever_the_homes_path_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    paths = {Home(Path("/very/long" * 30) / str(n)).socket for n in range(3)}
    assert len(paths) == 3
    assert all(len(os.fsencode(path)) < 104 for path in paths)


def test_a_socket_path_that_is_too_long_is_said_so_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/long" * 40)
    with pytest.raises(SocketPathTooLong, match="set XDG_RUNTIME_DIR"):
        _ = Home(Path("/home")).socket


def test_the_folder_of_the_socket_is_closed_to_everybody_else(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o777)
    home.socket.parent.chmod(0o777)
    home.make_socket_folder()
    assert home.socket.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_that_somebody_else_put_up_is_refused_in_one_sentence(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    os.chown(home.socket.parent, 12345, 12345)
    with pytest.raises(SocketFolderNotPrivate, match=r"belongs to another user\): remove it, or set XDG_RUNTIME_DIR"):
        home.make_socket_folder()


@pytest.mark.parametrize("what", ["link", "file"])
def test_what_only_leads_to_a_socket_folder_is_refused(home: Home, tmp_path: Path, what: str) -> None:
    if what == "link":
        home.socket.parent.symlink_to(tmp_path)
    else:
        home.socket.parent.touch()
    with pytest.raises(SocketFolderNotPrivate, match="cannot be used"):
        home.make_socket_folder()


def test_one_runtime_per_home(home: Home) -> None:
    home.create()
    assert not home.runtime_alive()
    lock = home.acquire()
    assert home.runtime_alive()
    with pytest.raises(RuntimeAlreadyRunning, match="already serves"):
        home.acquire()
    os.close(lock)
    assert not home.runtime_alive()


def test_a_sign_of_life_is_read_as_it_was_written_and_a_shorter_one_leaves_nothing_behind(home: Home) -> None:
    home.create()
    assert home.beat() is None
    long = Beat(1, "0.1.0", 1.0, 2.0, trouble="x" * 900)
    home.write_beat(long)
    assert home.beat() == long
    short = Beat(1, "0.1.0", 1.0, 3.0)
    home.write_beat(short)
    assert home.beat() == short


def test_what_a_run_was_started_with_is_readable_by_its_user_alone(home: Home) -> None:
    launch = Launch("abc", "agent", "goal", ("python", "x.py"), "/", {"KEY": "secret"}, restart=2)
    write_launch(home, launch)
    assert home.launch("abc").stat().st_mode & 0o777 == 0o600
    assert read_launch(home, "abc") == launch
