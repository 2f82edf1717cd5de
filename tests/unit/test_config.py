"""Configuration: priorities, secrets, and errors that name the key."""

from __future__ import annotations

import subprocess
import sys
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


# -- what people and editors make of a file --------------------------------------------

TABLES = "[[detector]]\nname = 'eiger'\n"


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("utf-8-sig", None),
        ("utf-16", "UTF-16 text: save it as UTF-8"),
        ("utf-16-le", "NUL bytes, as UTF-16 has"),
        ("utf-32", "UTF-32 text: save it as UTF-8"),
        ("latin-1", r"line 3 is not UTF-8 \(byte 0xe9\)"),
    ],
)
def test_files_in_other_encodings_are_read_or_named(tmp_path, encoding, says):
    path = tmp_path / "recorder.toml"
    comment = "" if encoding == "utf-16-le" else "é"
    text = f"beamline = 'id29'\n\n# {comment}\n{TABLES}"
    path.write_bytes(text.encode(encoding))
    if says is None:
        settings = load_settings(path)
        assert (settings.beamline, settings.detector[0].name) == ("id29", "eiger")
        return
    with pytest.raises(ConfigError, match=says):
        load_settings(path)


@pytest.mark.parametrize("name", ["detector", "panda", "source", "sink"])
def test_one_bracket_where_two_are_needed_is_named(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"{name}: .*write \[\[{name}\]\]"):
        load_settings(written(tmp_path, f"[{name}]\nname = 'x'\n"))


def test_two_brackets_where_one_is_needed_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"mqtt: .*write \[mqtt\]"):
        load_settings(written(tmp_path, "[[mqtt]]\nhost = 'x'\n"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("mqtt.prefix = 'a/#'", "mqtt.prefix"),
        ("mqtt.prefix = '/a'", "mqtt.prefix"),
        ("mqtt.prefix = ''", "mqtt.prefix"),
        ("mqtt.client_id = ''", "mqtt.client_id"),
        ("mqtt.status_interval_s = inf", "mqtt.status_interval_s"),
        ("mqtt.status_interval_s = nan", "mqtt.status_interval_s"),
        ("mqtt.status_interval_s = 1e-300", "mqtt.status_interval_s"),
        ("mqtt.session_expiry_s = 4294967296", "mqtt.session_expiry_s"),
        ("ispyb.connect_timeout_s = -1", "ispyb.connect_timeout_s"),
        ("ispyb.connect_timeout_s = 1e300", "ispyb.connect_timeout_s"),
        ("ispyb.update_interval_s = 0", "ispyb.update_interval_s"),
        ("runs.match_window_s = inf", "runs.match_window_s"),
        ("runs.drain_s = -0.1", "runs.drain_s"),
        ("runs.max_image_id = 10000000000", "runs.max_image_id"),
        ("pool.worker_timeout_s = inf", "pool.worker_timeout_s"),
        ("pool.max_backlog_mb = 99999999999999", "pool.max_backlog_mb"),
        ("classify.gain = nan", "classify.gain"),
        ("classify.nfa_max = inf", "classify.nfa_max"),
        ("replay.distance = inf", "replay.distance"),
        ("replay.beam_center = [nan, 1]", "replay.beam_center"),
        ("replay.pixel_size = [0, 75e-6]", "replay.pixel_size"),
        ("replay.mask_file = '~/mask.npy'", "replay.mask_file"),
        ("state_directory = '~/recorder'", "state_directory"),
        ('results_directory = "a\\u0000b"', "results_directory"),
        ('unannounced.sample = "a\\u001bb"', "unannounced.sample"),
        ("unannounced.unit_cell = [0, 1, 1, 90, 90, 90]", "unannounced.unit_cell"),
        ("unannounced.unit_cell = [1, 1, 1, 90, 90, 180]", "unannounced.unit_cell"),
        ("timezone = ''", "timezone"),
        ("timezone = 'Europe'", "timezone"),
        ("timezone = '../../etc/passwd'", "timezone"),
        ("detector = [{name = ''}]", "detector.0.name"),
        ("detector = [{name = ' a'}]", "detector.0.name"),
        ("detector = [{receive_hwm = 2147483648}]", "detector.0.receive_hwm"),
        ("panda = [{time_field = 'x y'}]", "panda.0.time_field"),
        ("panda = [{lasers = {'PCAP.BITS0.Value' = 'pump'}}]", "panda.0.lasers"),
        ("panda = [{lasers = {'PCAP.BITS0.Value#32' = 'pump'}}]", "panda.0.lasers"),
        ("panda = [{lasers = {'PCAP.BITS0.Value#3' = ''}}]", "panda.0.lasers"),
        ("_cli_parse_args = true", "_cli_parse_args: unknown key"),
        ("beamlnie = 'x'", "did you mean beamline?"),
    ],
)
def test_values_that_cannot_be_are_refused_by_their_key(tmp_path, text, key):
    with pytest.raises(ConfigError) as caught:
        load_settings(written(tmp_path, text))
    assert key in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000, "mqtt.port = " + "9" * 5000, "a = '\0'", "\ufeff"]
)
def test_what_no_toml_is_costs_no_traceback(tmp_path, text):
    path = written(tmp_path, text)
    if text == "\ufeff":
        load_settings(path)
        return
    with pytest.raises(ConfigError):
        load_settings(path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RECORDER_DETECTOR", "nojson", r"RECORDER_DETECTOR: its value is no JSON"),
        ("RECORDER_DETECTOR", '{"name": "x"}', r"write \[\[detector\]\]"),
        ("RECORDER_DETECTOR", '"x"', "detector"),
        ("RECORDER_DETECTOR__0__ENDPOINT", "tcp://a:1", r"write \[\[detector\]\]"),
        ("RECORDER_DETECTOR", "[" * 9000, "detector|too deep|no JSON"),
        ("RECORDER_MQTT", "x", r"RECORDER_MQTT: its value is no JSON"),
        ("RECORDER_MQTT", "[]", "mqtt"),
        ("RECORDER_MQTT__PORT", "many", r"set by RECORDER_MQTT__PORT"),
        ("recorder_mqtt__port", "0", r"set by recorder_mqtt__port"),
        ("RECORDER_MQTT__PROT", "1", r"mqtt\.prot: unknown key"),
        ("RECORDER_DETECTORS", "[]", "did you mean RECORDER_DETECTOR"),
        ("RECORDER_BEAMLINE", "\udcff", "beamline: has control characters"),
        ("RECORDER_BEAMLINE", "id29\u2028x", "beamline: has control characters"),
        ("RECORDER_BEAMLINE", "id29\u2029x", "beamline: has control characters"),
        ("RECORDER_REPLAY__BEAM_CENTER", "1, 2", "replay.beam_center|REPLAY"),
    ],
)
def test_garbage_in_the_environment_is_named(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says) as caught:
        load_settings()
    assert caught.value.exit_code == 2


def test_a_credential_that_is_no_text_is_named(tmp_path, monkeypatch):
    (tmp_path / "mqtt__password").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="credentials"):
        load_settings()


def test_whoever_reads_the_configuration_loads_no_plugin_of_ours(tmp_path):
    """`recorder report` needs no database, which takes a third of its time to load."""
    config = tmp_path / "recorder.toml"
    config.write_text('[ispyb]\nflavour = "maxiv"\n')
    code = (
        "import sys; from pathlib import Path\n"
        "from recorder.config import load_settings\n"
        "load_settings(Path(sys.argv[1])); assert 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(config)], check=True)
