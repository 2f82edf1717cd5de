"""Where the web process keeps its own things."""

from __future__ import annotations

from recorder.config import Settings
from recorder.web.place import own_folder, place_of


def test_the_folder_of_sessions_and_tokens(tmp_path, monkeypatch):
    state = tmp_path / "recorder"
    settings = Settings(state_directory=state)
    assert own_folder(settings) == state / "web"
    (tmp_path / "recorder-web").mkdir()  # as the unit has it: commands find it
    assert own_folder(settings) == tmp_path / "recorder-web"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/recorder:/var/lib/recorder-web")
    assert str(own_folder(settings)) == "/var/lib/recorder-web"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/recorder")
    assert own_folder(settings) == tmp_path / "recorder-web"
    given = Settings(state_directory=state, web={"state_directory": tmp_path / "own"})
    assert own_folder(given) == tmp_path / "own"


def test_another_journal_has_the_same_sessions(tmp_path):
    settings = Settings(state_directory=tmp_path / "recorder")
    place = place_of(settings, tmp_path / "last-week")
    assert place.settings.state_directory == tmp_path / "last-week"
    assert own_folder(place.settings) == tmp_path / "recorder" / "web"
