"""`recorder check` says beforehand whether the page would start."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.authenticators.local import PLUGIN, LocalSection
from recorder.commands.options import load_settings
from recorder.errors import ConfigError
from recorder.web.safe import check_safe, page_lines

LDAP = """[[web.authenticator]]
kind = "ldap"
url = "ldap://127.0.0.1"
user_dn = "{login}"
"""


def settings_of(folder: Path, text: str):
    path = folder / "recorder.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.3", "0.0.0.0"])
@pytest.mark.parametrize("door", ["", LDAP])
@pytest.mark.parametrize("more", ["", 'proxies = ["192.0.2.1"]\n'])
def test_the_check_says_what_the_start_says(tmp_path, host, door, more):
    web = settings_of(tmp_path, f'[web]\nhost = "{host}"\n{more}{door}').web
    (line,) = page_lines(web)
    try:
        check_safe(web)
    except ConfigError as error:
        assert (line.ok, line.text) == (False, str(error))
    else:
        assert line.ok
        assert host in line.text
        assert ("nobody signs in" in line.text) == (not door)


def test_a_certificate_that_is_not_there_is_named(tmp_path):
    missing = tmp_path / "chain.pem"
    web = settings_of(tmp_path, f'[web]\ncert_file = "{missing}"\n').web
    (line,) = page_lines(web)
    assert not line.ok
    assert str(missing) in line.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[web.people.anna]\nbeamlines = "id29"', "anna.beamlines: write a list"),
        ('[web.people.anna]\nproposals = ["mx 1"]', "such as mx2345"),
        ("[web]\npeople = 3", "people: write a table"),
    ],
)
def test_what_is_wrong_is_said_as_it_is_mended_in_the_file(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        settings_of(tmp_path, text)


async def test_a_file_of_passwords_that_is_no_credential_here(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = settings_of(tmp_path, "")
    section = LocalSection(kind="local", passwords_file="passwords")
    (line,) = await PLUGIN.check(section, settings)
    with pytest.raises(ConfigError) as refused:
        PLUGIN.make(section, settings)
    assert line.text in str(refused.value)
    section = LocalSection(kind="local", passwords_file=str(tmp_path / "none"))
    (line,) = await PLUGIN.check(section, settings)
    assert f"--file {tmp_path / 'none'}" in line.text
