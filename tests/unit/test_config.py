"""Configuration: priorities, secrets, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.config import load_settings
from recorder.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recorder.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("typo = 1", "typo: unknown key"),
        ("[mqtt]\nhots = 'x'", "mqtt.hots: unknown key"),
        ("[[detector]]\nendpoit = 'x'", "detector.0.endpoit: unknown key"),
        ("[mqtt]\nport = 'many'", "mqtt.port"),
        ("[mqtt]\nport = 99999", "mqtt.port"),
        ("[ispyb]\nflavour = 'vanilla'", "ispyb.flavour"),
        ("timezone = 'Mars/Base'", "is no time zone"),
        ("beamline = 'a b'", "beamline"),
        ("[[detector]]\nname='a'\n[[detector]]\nname='a'", "same name"),
        ("[runs", "not readable as TOML"),
    ],
)
def test_errors_name_the_key(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")) as caught:
        load_settings(written(tmp_path, text))
    assert str(tmp_path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_absent_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_settings(tmp_path / "absent.toml")


def test_environment_beats_credentials_beats_file(tmp_path, monkeypatch):
    path = written(tmp_path, "[mqtt]\nhost='file'\nport=1\n[ispyb]\npassword='file'")
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "ispyb__password").write_text("credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    monkeypatch.setenv("RECORDER_MQTT__PORT", "2")
    settings = load_settings(path)
    assert (settings.mqtt.host, settings.mqtt.port) == ("file", 2)
    assert settings.ispyb.password.get_secret_value() == "credential"
    monkeypatch.setenv("RECORDER_ISPYB__PASSWORD", "environment")
    assert load_settings(path).ispyb.password.get_secret_value() == "environment"


def test_secrets_are_hidden(tmp_path):
    settings = load_settings(written(tmp_path, "[ispyb]\npassword = 'hush'"))
    assert "hush" not in f"{settings!r} {settings.model_dump(mode='json')}"


def test_embedded_default(monkeypatch, tmp_path):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    settings = load_settings()
    assert settings.ispyb_url == f"sqlite:///{tmp_path}/ispyb.sqlite"
    assert settings.results == tmp_path / "results"
    assert settings.topic_prefix == "recorder/demo"


def test_panda_detector_is_a_configured_one(tmp_path):
    two = '[[detector]]\nname = "left"\n[[detector]]\nname = "right"\n'
    file = tmp_path / "r.toml"
    file.write_text(f'{two}[[panda]]\ndetector = "left"\n')
    settings = load_settings(file)
    assert settings.series_sources == ("left", "right")
    file.write_text(f'{two}[[panda]]\ndetector = "middle"\n')
    with pytest.raises(ConfigError, match="'middle' is no configured detector; there"):
        load_settings(file)
