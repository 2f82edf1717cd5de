"""The configuration: one tree, from TOML, environment and systemd credentials.

Priority, highest first: environment (``RECORDER_MQTT__PORT=1884``), secrets
(files in ``$CREDENTIALS_DIRECTORY`` such as ``ispyb__password``), the TOML file,
the built-in defaults.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from recorder.config.alarms import AlarmsSection
from recorder.config.by_kind import AnySink, AnySource
from recorder.config.cluster import ClusterSection, check_pulled
from recorder.config.ispyb import IspybSection
from recorder.config.recording import (
    ClassifySection,
    JournalSection,
    LiveSection,
    LogSection,
    PoolSection,
    RunsSection,
    UnannouncedSection,
)
from recorder.config.section import Section, SinkSection, SourceSection
from recorder.config.sinks import IspybSinkSection, ResultsSinkSection
from recorder.config.sources import (
    DetectorSection,
    GeometrySection,
    MqttSection,
    PandaSection,
    ReplaySection,
)
from recorder.config.sync import SyncSection
from recorder.config.values import FilePath, unreadable
from recorder.config.web import WebSection
from recorder.errors import ConfigError

SYSTEM_CONFIG = Path("/etc/recorder/recorder.toml")


def default_state_directory() -> Path:
    """Systemd's state directory, else the user's."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "recorder"


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="RECORDER_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        secrets_nested_delimiter="__",
        secrets_dir_missing="ok",
        nested_model_default_partial_update=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    beamline: str = Field("demo", pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)
    """Beamline name: used in topics, client ids and the database."""
    timezone: str | None = None
    """Zone of ISPyB's local times, such as `Europe/Paris`; unset: the host's."""
    state_directory: FilePath = Field(default_factory=default_state_directory)
    """Holds the journal and the embedded database."""
    results_directory: FilePath | None = None
    """Holds the files per run; unset: `results` in the state directory."""
    group: str | None = None
    """Group of this host that may read journal, database and results; unset: that of
    the recorder's process. Others may not read them."""
    detector: tuple[DetectorSection, ...] = (DetectorSection(),)
    """Detector streams."""
    panda: tuple[PandaSection, ...] = ()
    """PandABoxes whose position capture is read."""
    source: tuple[AnySource, ...] = ()
    """Sources of any installed kind."""
    sink: tuple[AnySink, ...] = ()
    """Sinks of any installed kind, beside the results and ISPyB."""
    replay: ReplaySection = ReplaySection()
    """Geometry overrides for `recorder replay`, and where it may write."""
    mqtt: MqttSection = MqttSection()
    ispyb: IspybSection = IspybSection()
    journal: JournalSection = JournalSection()
    runs: RunsSection = RunsSection()
    unannounced: UnannouncedSection = UnannouncedSection()
    classify: ClassifySection = ClassifySection()
    pool: PoolSection = PoolSection()
    cluster: ClusterSection = ClusterSection()
    alarms: AlarmsSection = AlarmsSection()
    live: LiveSection = LiveSection()
    log: LogSection = LogSection()
    web: WebSection = WebSection()
    sync: SyncSection = SyncSection()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError("is no time zone; use e.g. Europe/Paris") from error
        return value

    @field_validator("group")
    @classmethod
    def _known_group(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                grp.getgrnam(value)
            except (KeyError, ValueError) as error:
                raise ValueError(
                    "is no group of this host; make it (groupadd), or leave it out"
                ) from error
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Settings:
        for what, sections in (("sources", self.sources), ("sinks", self.sinks)):
            names = [section.name for section in sections]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(
                    f"two {what} have the same name, {', '.join(sorted(twice))}: give "
                    "each its own"
                )
        return self

    @model_validator(mode="after")
    def _triggers_of_a_detector(self) -> Settings:
        for panda in self.panda:
            if panda.detector is not None and panda.detector not in self.series_sources:
                raise ValueError(
                    f"panda {panda.name}: detector {panda.detector!r} is no configured "
                    f"detector; there is {', '.join(self.series_sources) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _nodes_to_receive(self) -> Settings:
        for section in self.pulled:
            check_pulled(section, self.cluster)
        return self

    @model_validator(mode="after")
    def _workers_of_this_host(self) -> Settings:
        alone = self.pool.workers == 0 and self.pool.engine is None
        if alone and self.cluster.listen and not self.cluster.without_local_workers:
            raise ValueError(
                "pool.workers: 0 leaves every image to the nodes, and a run stands "
                "still while none is there: leave it out, or say so, too, with "
                "cluster.without_local_workers = true"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_detector_that_nobody_named(cls, data: Any) -> Any:
        """The detector of the built-in default goes where a ``[[source]]`` is given."""
        if not isinstance(data, dict):
            return data
        if problem := next(chain(_wrong_brackets(data), unreadable(data)), None):
            raise ValueError(problem)
        if data.get("source") and "detector" not in data:
            return {**data, "detector": ()}
        return data

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over credentials over the file (which comes as ``init``)."""
        secrets = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=os.environ.get("CREDENTIALS_DIRECTORY"),
            secrets_prefix="",
        )
        return env_settings, secrets, init_settings

    @property
    def sources(self) -> tuple[SourceSection, ...]:
        """All sources; ``[[detector]]`` and ``[[panda]]`` are short for two kinds."""
        return (*self.detector, *self.panda, *self.source)

    @property
    def sink_names(self) -> tuple[str, ...]:
        """Names of all sinks, as in the report."""
        return tuple(sorted(section.name for section in self.sinks))

    @property
    def series_sources(self) -> tuple[str, ...]:
        """Names of the sources that may send series: all but timing hardware."""
        return tuple(s.name for s in self.sources if not isinstance(s, PandaSection))

    @property
    def pulled(self) -> tuple[DetectorSection, ...]:
        """The detectors that nodes receive from, instead of the daemon."""
        return tuple(
            section
            for section in self.sources
            if isinstance(section, DetectorSection) and section.pulled_by == "nodes"
        )

    @property
    def detectors(self) -> dict[str, GeometrySection]:
        """Geometry overrides of the sources that send images, by their names."""
        sections: tuple[Section, ...] = self.sources
        return {
            source.name: section
            for source, section in zip(self.sources, sections, strict=True)
            if isinstance(section, GeometrySection)
        }

    @property
    def sinks(self) -> tuple[SinkSection, ...]:
        """All sinks; ``[ispyb]`` is short for one of them, the results are always."""
        own = (ResultsSinkSection(), *((IspybSinkSection(),) * self.ispyb.enabled))
        return (*own, *self.sink)

    @property
    def results(self) -> Path:
        """Folder of the files per run."""
        return self.results_directory or self.state_directory / "results"

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.state_directory / "journal.sqlite"

    @property
    def cluster_keys(self) -> Path:
        """Folder of the keys of nodes."""
        return self.cluster.keys or self.state_directory / "cluster"

    @property
    def topic_prefix(self) -> str:
        """MQTT topic prefix."""
        return self.mqtt.prefix or f"recorder/{self.beamline}"

    @property
    def ispyb_url(self) -> str:
        """Database URL without the password."""
        return self.ispyb.url or f"sqlite:///{self.state_directory / 'ispyb.sqlite'}"


LISTS = ("detector", "panda", "source", "sink")
"""Tables of which there may be several."""


def _wrong_brackets(data: dict[str, Any]) -> Iterator[str]:
    """Tables that were written for lists of tables, and the other way round."""
    for name, value in data.items():
        if name in LISTS and isinstance(value, dict):
            yield (
                f"{name}: there may be several: write [[{name}]] instead of [{name}], "
                "and in the environment a JSON list of objects"
            )
        single = name not in LISTS and name in Settings.model_fields
        if single and isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{name}: there is one: write [{name}] instead of [[{name}]]"


def find_config(explicit: Path | None) -> Path | None:
    """Path of the configuration file, None for the embedded default.

    Raises:
        ConfigError: A file that was asked for does not exist.
    """
    if explicit is None and (name := os.environ.get("RECORDER_CONFIG")):
        explicit = Path(name)
    if explicit is not None:
        if not explicit.is_file():
            raise ConfigError(f"{explicit}: no such configuration file")
        return explicit
    return SYSTEM_CONFIG if SYSTEM_CONFIG.is_file() else None
