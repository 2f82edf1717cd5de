"""What the settings of every plug-in must be."""

from __future__ import annotations

from typing import get_args

from recorder.config import Section


def check_settings(settings: type[Section], kind: str) -> None:
    """Fail where a settings class is not fit for the configuration."""
    assert settings.model_config.get("extra") == "forbid", (
        "unknown keys must be refused: do not change extra"
    )
    assert settings.model_config.get("frozen"), "settings must be frozen"
    said = get_args(settings.model_fields["kind"].annotation)
    assert said == (kind,), (
        f'declare kind as Literal["{kind}"], so that the schema knows it'
    )
    for name, field in settings.model_fields.items():
        assert field.description, f"setting {name} has no docstring"
    assert settings.model_json_schema(), "the settings have no JSON schema"
