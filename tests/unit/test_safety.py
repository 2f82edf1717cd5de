"""Who else on the host may read, and what goes over a network in clear."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.cli import cli
from recorder.config import Settings, load_settings
from recorder.errors import ConfigError, JournalError
from recorder.journal import Journal
from recorder.runtime.addresses import stays_on_this_host
from recorder.service.safety import safety_lines
from recorder.service.sharing import share_with_group

URL = "mariadb+pymysql://recorder@{}/ispyb"


def said(settings: Settings, config: Path | None = None) -> str:
    lines = safety_lines(settings, config)
    assert all(line.ok and line.word == "warn" for line in lines)
    return "\n".join(f"{line.what}: {line.text}" for line in lines)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("broker.localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("broker", False),
        ("localhost.example.org", False),
        ("0.0.0.0", False),
    ],
)
def test_what_stays_on_this_host(host, local):
    assert stays_on_this_host(host) == local


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("password", [None, "hush"])
@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_passwords_in_clear_to_another_host(settings, host, password, tls):
    configured = settings(
        mqtt={"enabled": True, "host": host, "password": password, "tls": tls},
        ispyb={"url": URL.format(host), "password": password, "tls": tls},
    )
    warned = said(configured)
    wrong = bool(password) and host != "127.0.0.1" and not tls
    assert ("mqtt.tls = true" in warned) == wrong
    assert ("ispyb.tls = true" in warned) == wrong
    assert "hush" not in warned


def test_a_socket_and_an_embedded_database_go_over_no_network(settings):
    url = URL.format("host") + "?unix_socket=/run/mysqld.sock"
    assert said(settings(ispyb={"url": url, "password": "hush"})) == ""
    assert said(settings(ispyb={"password": "hush"})) == ""


def test_folders_that_everybody_reads(settings, tmp_path):
    configured = settings(results_directory=str(tmp_path / "results"))
    assert said(configured) == ""
    for folder in (configured.state_directory, configured.results):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o750)
    assert said(configured) == ""
    configured.results.chmod(0o755)
    assert f"chmod -R o-rwx {configured.results}" in said(configured)
    configured.state_directory.chmod(0o711)
    assert f"chmod -R o-rwx {configured.state_directory}\n" in said(configured)


@pytest.mark.parametrize(
    ("text", "mode", "warns"),
    [
        ('[mqtt]\npassword = "hush"\n', 0o644, True),
        ('[mqtt]\npassword = "hush"\n', 0o640, False),
        ('[ispyb]\nurl = "mariadb+pymysql://u:hush@h/d"\n', 0o644, True),
        ('[ispyb]\nurl = "mariadb+pymysql://u@h/d"\n', 0o644, False),
        ("", 0o644, False),
    ],
)
def test_a_password_in_a_file_that_everybody_reads(
    settings, tmp_path, text, mode, warns
):
    path = tmp_path / "recorder.toml"
    path.write_text(text)
    path.chmod(mode)
    warned = said(settings(), path)
    assert ("configuration: " in warned) == warns
    assert "hush" not in warned


def test_check_warns_and_goes_on(config_file):
    config = config_file(mqtt={"enabled": False})
    state = load_settings(config).state_directory
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    state.chmod(0o755)
    done = CliRunner().invoke(cli, ["check", "-c", str(config)])
    assert f"warn  state          {state} can be read by every user" in done.output


# -- modes -----------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, int]:
    found = [folder, *folder.rglob("*")]
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in found}


@pytest.mark.slow
def test_a_command_makes_nothing_that_others_may_read(run_recorder, config_file):
    config = config_file()
    settings = load_settings(config)
    old = os.umask(0o022)  # as a shell has it
    try:
        made = settings.state_directory
        assert run_recorder("spool", "retry", config=config).returncode == 1
        Journal(settings.journal_path).close()
        assert run_recorder("spool", "retry", config=config).returncode == 0
        out = made / "export.jsonl"
        done = run_recorder("spool", "export", str(out), config=config)
        assert done.returncode == 0, done.stderr
    finally:
        os.umask(old)
    found = modes(made)
    assert str(out) in found
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o007} == {}


def test_a_journal_is_private_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        journal = Journal(tmp_path / "state" / "journal.sqlite", owner=True)
        journal._db.execute("INSERT INTO meta VALUES ('x', 'y')")
        found = modes(tmp_path / "state")
        del found[str(tmp_path / "state" / "journal.lock")]  # nothing is in it
        journal.close()
    finally:
        os.umask(old)
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o007} == {}
    assert len(found) >= 3


def test_a_journal_has_an_id_of_its_own(tmp_path):
    paths = [tmp_path / name / "journal.sqlite" for name in "ab"]
    first, other = (Journal(path) for path in paths)
    kept = first.id
    assert kept != other.id != ""
    first.close()
    other.close()
    moved = paths[0].rename(tmp_path / "journal.sqlite")
    again = Journal(moved, read_only=True)
    assert again.id == kept
    again.close()


@pytest.mark.parametrize("what", ["folder", "pipe", "nothing"])
@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_journal_is_said(tmp_path, what, read_only):
    path = tmp_path / "journal.sqlite"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif not read_only:
        return
    with pytest.raises(JournalError) as caught:
        Journal(path, read_only=read_only)
    says = {"folder": "a folder, not a journal", "pipe": "no file, not a journal"}
    assert says.get(what, "no journal yet") in str(caught.value)


@pytest.mark.parametrize("command", [["report"], ["spool", "ls"], ["why", "1", "0"]])
def test_commands_say_that_the_journal_is_a_folder(run_recorder, config_file, command):
    config = config_file()
    load_settings(config).journal_path.mkdir(parents=True)
    done = run_recorder(*command, config=config)
    assert done.returncode == 1
    assert "a folder, not a journal; move it away" in done.stderr
    assert "no journal yet" not in done.stderr


# -- group -----------------------------------------------------------------------------


def other_group() -> str:
    """A group that is not our first one, but that we may give files to."""
    mine = [group for group in os.getgroups() if group != os.getegid()]
    if os.geteuid() == 0:
        mine = [g.gr_gid for g in grp.getgrall() if g.gr_gid != os.getegid()]
    if not mine:
        pytest.skip("this account is in one group only")
    return grp.getgrgid(mine[0]).gr_name


def test_what_is_made_belongs_to_the_group(settings, tmp_path):
    name = other_group()
    configured = settings(group=name, results_directory=str(tmp_path / "results"))
    for _ in range(2):
        share_with_group(configured)
        for folder in (configured.state_directory, configured.results):
            assert folder.stat().st_mode & 0o7777 == 0o2750
            inner = folder / "inner"
            inner.mkdir(exist_ok=True)
            (inner / "file").touch()
            assert grp.getgrgid((inner / "file").stat().st_gid).gr_name == name


def test_our_own_group_needs_nothing(settings):
    share_with_group(settings(group=grp.getgrgid(os.getegid()).gr_name))
    share_with_group(settings())


def test_a_folder_that_cannot_be_given(settings, tmp_path):
    (tmp_path / "file").touch()
    name = other_group()
    configured = settings(group=name, results_directory=str(tmp_path / "file" / "x"))
    with pytest.raises(ConfigError, match=f"Group={name} in the unit.*chmod g"):
        share_with_group(configured)


def test_a_group_that_is_none(config_file):
    config = config_file(group="no-such-group-here")
    with pytest.raises(ConfigError, match=r"group: .*is no group of this host"):
        load_settings(config)
