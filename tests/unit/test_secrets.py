"""Passwords are in no output: configuration shown, logs, errors, tracebacks."""

from __future__ import annotations

import json
import logging

import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from recorder.cli import cli
from recorder.config import Settings, load_settings
from recorder.errors import ConfigError, RecorderError
from recorder.ispyb.check import check_ispyb
from recorder.ispyb.schema.database import connect, transaction
from recorder.runtime.boundary import boundary
from recorder.runtime.log import configure, get_logger
from recorder.runtime.mqtt import Client

MQTT, ISPYB, URL = "hush-mqtt", "hush-ispyb", "hush-url"
SECRETS = (MQTT, ISPYB, URL, "hush")
DATABASE = "mariadb+pymysql://recorder:{}@127.0.0.1:1/ispyb"  # nobody listens there


def secret_settings(**ispyb: str) -> Settings:
    return Settings(mqtt={"password": MQTT, "port": 1}, ispyb=ispyb)


WAYS = {
    "password": {
        "url": "mariadb+pymysql://recorder@127.0.0.1:1/ispyb",
        "password": ISPYB,
    },
    "url": {"url": DATABASE.format(URL)},
    "both": {"url": DATABASE.format(URL), "password": ISPYB},
}


def assert_hidden(text: str) -> None:
    assert text
    assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("way", WAYS)
def test_settings_show_no_password(way):
    settings = secret_settings(**WAYS[way])
    for shown in (settings, settings.ispyb, settings.mqtt):
        assert_hidden(f"{shown!r} {shown} {shown.model_dump()}")
        assert_hidden(shown.model_dump_json())
    assert_hidden(settings.ispyb_url)


@pytest.mark.parametrize(
    ("url", "password", "used"),
    [
        (DATABASE.format(URL), None, URL),
        (DATABASE.format(URL), ISPYB, ISPYB),
        (DATABASE.format("a%40b%2Fc"), None, "a@b/c"),
        (DATABASE.format("a:b/c"), None, "a:b/c"),
        (DATABASE.format("a").replace("recorder", ""), None, "a"),
        (DATABASE.format("").replace(":@", "@"), ISPYB, ISPYB),
    ],
)
def test_the_password_of_the_url_is_used(url, password, used):
    settings = Settings(ispyb={"url": url, "password": password})
    assert connect(settings).url.password == used
    assert settings.ispyb.url in (
        "mariadb+pymysql://recorder@127.0.0.1:1/ispyb",
        "mariadb+pymysql://@127.0.0.1:1/ispyb",
    )


def test_urls_without_a_password_stay_as_they_are():
    for url in (
        "sqlite:////a/b@c.sqlite",
        "sqlite:///a:b@c",
        DATABASE.replace(":{}", ""),
    ):
        settings = Settings(ispyb={"url": url})
        assert (settings.ispyb.url, settings.ispyb.password) == (url, None)


def test_the_password_of_a_url_in_the_environment(monkeypatch):
    monkeypatch.setenv("RECORDER_ISPYB__URL", DATABASE.format(URL))
    settings = load_settings()
    assert_hidden(repr(settings))
    assert settings.ispyb.password.get_secret_value() == URL


@pytest.mark.parametrize(
    "text",
    [
        f'[ispyb]\nurl = "mariadb+pymysql://u:hush@{URL}@host/ispyb"',
        f'[ispyb]\nurl = "mariadb+pymysql://u@host/ispyb?password={URL}"',
        f'[ispyb]\npassword = "{ISPYB}"\nurl = 5',
        f'[ispyb]\npassword = ["{ISPYB}"]',
        f'[mqtt]\npassword = "{MQTT}"\nport = "many"',
        f'[mqtt]\npassword = "{MQTT}',
        f'[mqtt]\npassword = "{MQTT}"\nprotocol = "4"',
    ],
)
def test_errors_of_the_configuration(tmp_path, text):
    path = tmp_path / "recorder.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert_hidden(str(caught.value))


@pytest.mark.parametrize("way", WAYS)
def test_config_show(config_file, way):
    path = config_file(ispyb=WAYS[way], mqtt={"password": MQTT})
    done = CliRunner().invoke(cli, ["config", "show", "--config", str(path)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output.partition("\n")[2])["mqtt"]["password"] == "*" * 10
    assert_hidden(done.output)


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.allow_error_log("step_failed", "failed")
async def test_tracebacks_and_logs_at_debug_level(monkeypatch, capfd, fmt, way):
    monkeypatch.undo()  # the guards capture logs; this test wants the real output
    settings = secret_settings(**WAYS[way])
    configure("debug", fmt)
    log = get_logger("test")
    log.debug("configured", settings=settings, ispyb=settings.ispyb.model_dump())
    with boundary("use the settings"):
        engine, broker = connect(settings), Client(settings.mqtt, "id")
        raise LookupError(f"{settings!r} {engine.url!r} {engine!r} {broker!r}")
    try:
        connect(settings).connect()
    except SQLAlchemyError:
        log.exception("failed", settings=settings)
    said = capfd.readouterr().err
    assert "LookupError" in said
    assert "Can't connect" in said
    assert_hidden(said)


@pytest.mark.parametrize("way", WAYS)
def test_errors_of_the_database(way, caplog):
    caplog.set_level(logging.DEBUG)
    settings = secret_settings(**WAYS[way])
    with pytest.raises(RecorderError) as caught, transaction(connect(settings)):
        pass
    assert_hidden(str(caught.value))
    with pytest.raises(RecorderError) as checked:
        check_ispyb(settings)
    assert_hidden(f"{checked.value} {caplog.text}")


def test_a_url_without_its_colon_shows_no_password():
    """It is refused where it is read."""
    with pytest.raises(ValidationError, match="no URL of a MariaDB") as caught:
        secret_settings(url=f"mariadb+pymysql//recorder:{URL}@host/ispyb")
    assert_hidden(f"{caught.value!r} {caught.value} {caught.value.__cause__}")
