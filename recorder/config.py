"""The configuration: one tree, from TOML, environment and systemd credentials.

Priority, highest first: environment (``RECORDER_MQTT__PORT=1884``), secrets
(files in ``$CREDENTIALS_DIRECTORY`` such as ``ispyb__password``), the TOML file,
the built-in defaults.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from recorder.errors import ConfigError
from recorder.records import ClassifySettings, DetectorInfo

SYSTEM_CONFIG = Path("/etc/recorder/recorder.toml")


def _default_state_directory() -> Path:
    """Systemd's state directory, else the user's."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "recorder"


def _strip_secret(value: Any) -> Any:
    """Files made by editors end in a newline that is not part of the secret."""
    return value.rstrip("\r\n") if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_strip_secret)]
_URL_WITH_PASSWORD = re.compile(
    r"(\w[\w+]*(?:://|//|:)[^/:@]*):([^@]*)@(.*)", re.DOTALL
)
_PASSWORD_IN_QUERY = re.compile(r"[?&]passw(?:or)?d=", re.IGNORECASE)


def _split_password(url: str) -> tuple[str, str | None]:
    """A database URL without the password in it, and that password.

    Raises:
        ValueError: It cannot be told from the rest; nothing of it is quoted.
    """
    match = _URL_WITH_PASSWORD.fullmatch(url)
    before, password, after = match.groups() if match else ("", "", "")
    host = re.split(r"[/?#]", after, maxsplit=1)[0]
    if "@" in host or _PASSWORD_IN_QUERY.search(url):
        raise ValueError(
            "has a password that cannot be told from the rest; leave it out of the URL "
            "and set ispyb.password"
        )
    return (f"{before}@{after}", unquote(password)) if match else (url, None)


class Section(BaseModel):
    """Base of the sections: frozen, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class GeometrySection(Section):
    """Geometry that wins over what the detector or the file says."""

    distance: float | None = Field(None, gt=0)
    """Detector distance (m)."""
    beam_center: tuple[float, float] | None = None
    """Beam centre (x, y) in pixels from the outer corner of pixel 0."""
    wavelength: float | None = Field(None, gt=0)
    """Wavelength (Å)."""
    pixel_size: tuple[float, float] | None = None
    """Pixel size (x, y) in m."""
    saturation: float | None = Field(None, gt=0)
    """Counts from which a pixel is saturated."""
    geometry_file: Path | None = None
    """CrystFEL `.geom` file of a detector of several panels. Its panels replace
    beam centre and pixel size; distance and wavelength are taken from it where
    nothing else gives them."""
    mask_file: Path | None = None
    """Pixel mask as a `.npy` file, (slow, fast), non-zero = bad; added to the
    detector's own."""

    def info(self) -> DetectorInfo:
        """The overrides as a record."""
        return DetectorInfo(
            distance=self.distance,
            beam_center=self.beam_center,
            wavelength=self.wavelength,
            pixel_size=self.pixel_size,
            saturation=self.saturation,
        )


class DetectorSection(GeometrySection):
    """One detector stream."""

    name: str = "detector"
    """Name of the source in logs, counts and the journal."""
    kind: Literal["dectris"] = "dectris"
    """What speaks there: a DECTRIS detector, or a relay of its stream."""
    endpoint: str = "tcp://127.0.0.1:9999"
    """ZeroMQ endpoint to connect to. DECTRIS: stream v1 on port 9999, stream v2 on
    port 31001."""
    socket: Literal["pull", "sub"] = "pull"
    """`pull` for detectors and relays that push; `sub` for feeds that publish, such
    as Jungfraujoch's preview and metadata."""
    protocol: Literal["auto", "stream1", "stream2"] = "auto"
    """Stream version; `auto` tells them apart message by message."""
    channel: str | None = None
    """Channel (threshold) to classify; unset: the first that a message carries."""
    other_channels: Literal["ignore", "refuse"] = "ignore"
    """What to do with further channels: count and ignore them, or count the image
    as `unsupported`."""
    receive_hwm: int = Field(100, ge=1)
    """Messages that ZeroMQ may hold for us (memory: times the message size)."""
    max_message_mb: int = Field(256, ge=1)
    """Larger messages are refused by the socket."""
    max_pixels: int = Field(64_000_000, ge=1)
    """Larger images are refused before anything is allocated."""


class PandaSection(Section):
    """One PandABox, whose position capture says which triggers came."""

    name: str = "panda"
    """Name of the source, and of its clock, in logs, counts and reports."""
    host: str = "127.0.0.1"
    """Host of the PandABox."""
    port: int = Field(8889, ge=1, le=65535)
    """Its data port."""
    time_field: str = "PCAP.TS_TRIG.Value"
    """Captured field that holds the time of the X-ray trigger."""
    lasers: dict[str, str] = {}
    """Captured bits that are set where a laser fired, and the laser's name: such as
    `{"PCAP.BITS0.Value#3" = "pump"}`."""


class MqttSection(Section):
    """Control events and status over MQTT."""

    enabled: bool = True
    """Off: no control events; every run is unannounced."""
    host: str = "127.0.0.1"
    """Broker host."""
    port: int = Field(1883, ge=1, le=65535)
    """Broker port (8883 is usual with TLS)."""
    protocol: Literal["3.1.1", "5"] = "5"
    """MQTT version."""
    prefix: str | None = None
    """Topic prefix; unset: `recorder/<beamline>`."""
    client_id: str | None = None
    """Client id of the persistent session; unset: `recorder-<beamline>`."""
    username: str | None = None
    """User name, if the broker asks for one."""
    password: Secret | None = None
    """Password; better in a credential or the environment than in the file."""
    tls: bool = False
    """Use TLS with the system's certificate authorities or `ca_file`."""
    ca_file: Path | None = None
    """Certificate authority to trust (PEM)."""
    cert_file: Path | None = None
    """Client certificate (PEM)."""
    key_file: Path | None = None
    """Key of the client certificate (PEM)."""
    session_expiry_s: int = Field(604_800, ge=0)
    """How long the broker keeps our session while we are away (MQTT 5)."""
    status_interval_s: float = Field(5.0, gt=0)
    """How often the status is published."""


class IspybSection(Section):
    """The facility's database."""

    enabled: bool = True
    """Off: nothing is written to ISPyB."""
    flavour: Literal["esrf", "maxiv", "diamond"] = "esrf"
    """Which ISPyB: the common one, MAX IV's or Diamond's. It is compared with the live
    schema at start."""
    beamline: str | None = None
    """The beamline as `BLSession.beamLineName` has it; unset: `beamline`. Sessions of
    other beamlines are refused."""
    chain_scope: Literal["collection", "position"] | None = None
    """How the readers of the event chains take them: `collection`, offsets from the
    run's start and repetitions over the whole run (ESRF, MAX IV); `position`, one
    position, with its shots as repetition (Diamond); unset: the flavour's. Chains of
    the other scope are converted."""
    rates: Literal["fraction", "percent"] = "fraction"
    """Unit of `hitRate` and `indexingRate` in flavour `maxiv`, whose schema says
    none."""
    image_rows: bool | None = None
    """Write one row of `ImageQualityIndicators` for each image; unset: in flavour
    `diamond` only."""
    runs_per_group: int = Field(100, ge=1)
    """Runs of an experiment after which a new group is begun: py-ISPyB's page shows no
    more of one group."""
    url: str | None = None
    """SQLAlchemy URL such as `mariadb+pymysql://recorder@host/ispyb`, without the
    password (one in it is taken as `ispyb.password`); unset: the embedded SQLite file
    `ispyb.sqlite` in the state directory."""
    password: Secret | None = None
    """Password; better in a credential or the environment than in the file."""
    demo_proposal: str = "mx2345"
    """Proposal that the embedded database is created with (visit 1)."""
    update_interval_s: float = Field(5.0, gt=0)
    """How often the statistics of a run are updated."""
    tls: bool = False
    """Use TLS with the system's certificate authorities or `ca_file`; the server's
    certificate and name are checked."""
    ca_file: Path | None = None
    """Certificate authority to trust (PEM)."""
    cert_file: Path | None = None
    """Client certificate (PEM)."""
    key_file: Path | None = None
    """Key of the client certificate (PEM)."""
    connect_timeout_s: float = Field(10.0, gt=0)
    """How long to wait for the server."""
    retry_max_s: float = Field(5.0, gt=0)
    """Longest wait between two attempts while the server is away."""

    @model_validator(mode="before")
    @classmethod
    def _hide_password_of_url(cls, data: Any) -> Any:
        """A password within the URL becomes ``password``: the URL is shown and logged.

        ``password`` wins if both are given.
        """
        if not isinstance(data, dict) or not isinstance(data.get("url"), str):
            return data
        url, password = _split_password(data["url"])
        if password is None:
            return data
        return {**data, "url": url, "password": data.get("password") or password}


class JournalSection(Section):
    """The recorder's own durable store."""

    synchronous: Literal["full", "normal"] = "full"
    """`full`: what is acknowledged survives a power cut; `normal`: it survives the end
    of the process, a power cut may take the last moments (for disks that sync
    slowly)."""
    max_unwritten: int = Field(1_000_000, ge=1000)
    """Images and events that may wait in memory while the disk refuses (about 1 kB
    each); beyond it no image is taken until there is space, and the detector's own
    buffer decides."""
    max_mb: int = Field(20_480, ge=1)
    """Over it, images and events of the oldest runs that are sealed and written
    everywhere are removed; their descriptions and reports stay."""


class RunsSection(Section):
    """When runs begin and end."""

    hold_s: float = Field(1.0, ge=0, le=1.5)
    """How long a series waits for its announcement before it is recorded as
    unannounced (its images are kept meanwhile)."""
    match_window_s: float = Field(60.0, ge=0)
    """Series and announcement match by time within this window."""
    series_timeout_s: float = Field(30.0, gt=0)
    """A series without images for so long is given up: its run is aborted."""
    announcement_timeout_s: float = Field(600.0, gt=0)
    """An announcement without a series for so long is sealed as aborted."""
    drain_s: float = Field(2.0, ge=0)
    """Wait for late images and events after the end of a series."""
    max_image_id: int = Field(100_000_000, ge=1)
    """Larger image ids are garbage."""


class UnannouncedSection(Section):
    """Where series that nobody announced are recorded."""

    proposal: str = "mx2345"
    """Proposal, code and number."""
    visit: int = Field(1, ge=0)
    """Visit number."""
    experiment: str = "unannounced"
    """Experiment name."""
    experiment_type: str = "SSX-Jet"
    """ISPyB experiment type."""
    sample: str = "unknown"
    """Sample name."""
    protein: str = "unknown"
    """Protein acronym."""
    unit_cell: tuple[float, float, float, float, float, float] | None = None
    """Unit cell to index with (Å, degrees)."""
    space_group: str | None = None
    """Space group, such as `P43212`."""

    def body(self) -> dict[str, Any]:
        """What stands for the announcement of such a run."""
        return {
            "proposal": self.proposal,
            "visit": self.visit,
            "experiment": {"name": self.experiment, "type": self.experiment_type},
            "sample": {"name": self.sample, "protein": {"acronym": self.protein}},
            "unit_cell": self.unit_cell,
            "space_group": self.space_group,
        }


class ClassifySection(Section):
    """How images are classified."""

    min_spots_hit: int = Field(8, ge=1)
    """An image with at least so many spots is a hit."""
    min_spots_index: int = Field(6, ge=4)
    """Indexing is tried from so many spots on, whatever the hit criterion."""
    max_spots: int = Field(300, ge=20)
    """Strongest spots that are passed to the indexer."""
    min_snr: float = Field(4.0, gt=0)
    """Least signal-to-noise ratio of a spot."""
    gain: float | None = Field(None, gt=0)
    """Counts per photon; unset: estimated from variance against mean."""
    nfa_max: float = -3.5
    """A lattice is accepted below this log10 number of false alarms."""
    min_inlier_share: float = Field(0.15, ge=0, le=1)
    """Least share of the spots that a lattice explains."""
    ring_share: float = Field(0.6, gt=0, le=1)
    """More than this share of the spots in one thin shell is an ice or powder
    ring."""
    max_lattices: int = Field(3, ge=1)
    """Lattices looked for in one image."""
    index: bool = True
    """Off: hits are found, nothing is indexed."""
    calibrate: bool = True
    """Refine beam centre, distance and cell from the hits of a run, and search the
    cell where none is given; each change is logged and reported."""
    max_cell_length: float = Field(250.0, ge=30, le=1000)
    """Longest edge (Å) of a cell that is searched."""
    upstream: Literal["ignore", "use"] = "ignore"
    """`use`: where the stream carries spots or an indexing result of its own
    (Jungfraujoch), take those and do not look at the pixels."""

    def settings(self) -> ClassifySettings:
        """The section as a record."""
        return ClassifySettings(**self.model_dump(exclude={"upstream"}))


class PoolSection(Section):
    """The processes that decode and classify."""

    workers: int | None = Field(None, ge=0, le=256)
    """Worker processes; 0: in the daemon itself; unset: cores - 1, at least 1."""
    max_backlog_mb: int = Field(2048, ge=1)
    """Compressed images that may wait for a worker; beyond it live images are
    counted as `unprocessed: overload`."""
    max_inbox_mb: int = Field(256, ge=1)
    """Images between the receiver threads and the event loop; beyond it ZeroMQ holds
    the streams back."""
    worker_timeout_s: float = Field(60.0, gt=0)
    """A worker that holds an image longer is replaced."""


class LogSection(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level."""
    format: Literal["auto", "console", "json", "journald"] = "auto"
    """`auto`: console on a terminal, journald under systemd, else JSON lines."""
    progress_interval_s: float = Field(5.0, gt=0)
    """How often `run_progress` is logged."""


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
    )

    beamline: str = Field("demo", pattern=r"^[A-Za-z0-9_.-]+$")
    """Beamline name: used in topics, client ids and the database."""
    timezone: str | None = None
    """Zone of ISPyB's local times, such as `Europe/Paris`; unset: the host's."""
    state_directory: Path = Field(default_factory=_default_state_directory)
    """Holds the journal and the embedded database."""
    results_directory: Path | None = None
    """Holds the files per run; unset: `results` in the state directory."""
    detector: tuple[DetectorSection, ...] = (DetectorSection(),)
    """Detector streams."""
    panda: tuple[PandaSection, ...] = ()
    """PandABoxes whose position capture is read."""
    replay: GeometrySection = GeometrySection()
    """Geometry overrides for `recorder replay`."""
    mqtt: MqttSection = MqttSection()
    ispyb: IspybSection = IspybSection()
    journal: JournalSection = JournalSection()
    runs: RunsSection = RunsSection()
    unannounced: UnannouncedSection = UnannouncedSection()
    classify: ClassifySection = ClassifySection()
    pool: PoolSection = PoolSection()
    log: LogSection = LogSection()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError("is no time zone; use e.g. Europe/Paris") from error
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Settings:
        names = [detector.name for detector in self.detector]
        names += [panda.name for panda in self.panda]
        if len(set(names)) != len(names):
            raise ValueError("two sources have the same name: give each its own")
        return self

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
    def results(self) -> Path:
        """Folder of the files per run."""
        return self.results_directory or self.state_directory / "results"

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.state_directory / "journal.sqlite"

    @property
    def topic_prefix(self) -> str:
        """MQTT topic prefix."""
        return self.mqtt.prefix or f"recorder/{self.beamline}"

    @property
    def ispyb_url(self) -> str:
        """Database URL without the password."""
        return self.ispyb.url or f"sqlite:///{self.state_directory / 'ispyb.sqlite'}"


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


def load_settings(explicit: Path | None = None) -> Settings:
    """Read the configuration from file, environment and credentials.

    Raises:
        ConfigError: It does not parse or has unknown keys or bad values.
    """
    path = find_config(explicit)
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: not readable as TOML: {error}") from error
    try:
        return Settings(**data)
    except ValidationError as error:
        raise ConfigError(_explain(path, error)) from error


def _explain(path: Path | None, error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"]) or "configuration"
        text = item["msg"]
        if item["type"] == "extra_forbidden":
            text = "unknown key; see `recorder config schema` for the known ones"
        lines.append(f"{where}: {text}")
    return f"{path or 'configuration'}: " + "; ".join(lines)
