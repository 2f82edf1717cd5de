"""The file of local passwords: what is good in it counts, the rest is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.authenticators.local import Local
from recorder.authenticators.password_file import Account, line_of, parse, with_account
from recorder.authenticators.password_hashes import KIB, hash_of_nobody
from recorder.authenticators.protocols import AuthenticatorUnavailableError
from recorder.commands.password import MIN_LENGTH
from recorder.errors import UsageError
from tests.servers import recorder_environment
from tests.sign_in import PASSWORD, QUICK, write_passwords

HASH = hash_of_nobody()


def test_good_lines_count_and_bad_ones_are_named_without_their_hash():
    accounts, problems = parse(
        [
            "# people",
            "",
            f"anna:{HASH}:Anna Weber",
            f"  bert:{HASH}",
            f"Anna:{HASH}:another",
            "carl:secret password",
            f"d e:{HASH}",
            "eve",
            f"fred:{HASH.replace(str(KIB), '8')}",
            f"gus:{HASH.replace(str(KIB), '99999999')}",
            f"hans:{HASH.replace('t=3', 't=999')}",
        ]
    )
    assert list(accounts) == ["anna", "bert"]
    assert accounts["anna"] == Account("anna", HASH, "Anna Weber")
    assert [p.partition(":")[0] for p in problems] == [
        f"line {n}" for n in range(5, 12)
    ]
    assert not [p for p in problems if "secret" in p or HASH[30:] in p]


@given(st.text(max_size=200))
def test_no_text_breaks_it(text):
    accounts, problems = parse(text.splitlines())
    assert len(accounts) + len(problems) <= len(text.splitlines())


def test_one_more_person_leaves_the_others():
    before = f"# people\nanna:{HASH}:A\nbert:{HASH}\n"
    after = with_account(before, Account("Anna", "new", "B"))
    assert after == f"# people\nbert:{HASH}\nAnna:new:B\n"
    for account in (Account("a b", ""), Account("a", "", "x\ny"), Account("a:b", "")):
        with pytest.raises(UsageError):
            line_of(account)


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path, log_events):
    path = write_passwords(tmp_path / "passwords", "anna")
    local = Local("house", path)
    try:
        found = await local.login("ANNA", PASSWORD)
        assert found is not None and (found.login, found.name) == ("anna", "Anna")
        path.write_text(f"bert:{QUICK.hash('other')}\nwhat\n")
        assert await local.login("anna", PASSWORD) is None
        assert await local.login("bert", "other") is not None
        assert [e["event"] for e in log_events] == ["passwords_wrong"]
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(AuthenticatorUnavailableError, match="cannot be read"):
            await local.login("bert", "other")
        path.unlink()
        with pytest.raises(AuthenticatorUnavailableError):
            await local.login("bert", "other")
    finally:
        await local.close()


async def test_an_accent_is_one_sign_or_two(tmp_path: Path):
    path = write_passwords(tmp_path / "p", "anna", password="caf\u00e9 noir")
    local = Local("house", path)
    try:
        assert await local.login("anna", "cafe\u0301 noir") is not None
    finally:
        await local.close()


def test_the_command_writes_a_line_that_signs_in(tmp_path: Path):
    path = tmp_path / "passwords"

    def run(login: str, typed: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "recorder", "password", login, *more],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            env=recorder_environment(None),
        )

    done = run("anna", f"{PASSWORD}\n", "--name", "Anna", "--file", str(path))
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o640
    accounts, problems = parse(path.read_text().splitlines())
    assert (list(accounts), problems) == (["anna"], [])
    assert PASSWORD not in path.read_text()
    for login, typed in (
        ("a b", PASSWORD),
        ("anna", ""),
        ("x", "x" * (MIN_LENGTH - 1)),
    ):
        wrong = run(login, f"{typed}\n")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert wrong.stderr.startswith("recorder: ")
