"""Where records come from: detectors, timing hardware, the broker."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recorder.config.endpoints import EndpointText, HostText
from recorder.config.section import Secret, Section, SourceSection
from recorder.config.values import (
    MAX_MB,
    CapturedField,
    FilePath,
    Lasers,
    Length,
    Name,
    PositionNumbers,
    Positions,
    Seconds,
    Topic,
)
from recorder.records import DetectorInfo

MAX_PIXELS = 1 << 34
"""Most that ``max_pixels`` may be: 16 Gpx, more than any message holds."""


class GeometrySection(Section):
    """Geometry that wins over what the detector or the file says."""

    distance: float | None = Field(None, gt=0)
    """Detector distance (m)."""
    beam_center: tuple[float, float] | None = None
    """Beam centre (x, y) in pixels from the outer corner of pixel 0."""
    wavelength: float | None = Field(None, gt=0)
    """Wavelength (Å)."""
    pixel_size: tuple[Length, Length] | None = None
    """Pixel size (x, y) in m."""
    saturation: float | None = Field(None, gt=0)
    """Counts from which a pixel is saturated."""
    geometry_file: FilePath | None = None
    """CrystFEL `.geom` file of a detector of several panels. Its panels replace
    beam centre and pixel size; distance and wavelength are taken from it where
    nothing else gives them."""
    mask_file: FilePath | None = None
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


class ReplaySection(GeometrySection):
    """How files are replayed: what wins over what they say, and what is written."""

    channel: int | None = Field(None, ge=1)
    """Which image of an exposure to classify, from 1, in files that have several
    (energy thresholds); unset: the first."""
    into_production: bool = False
    """On: this configuration is the replay's own, and what it names may be written;
    off: a replay leaves alone what a daemon records into."""


class DetectorSection(GeometrySection, SourceSection):
    """One detector stream."""

    name: Name = "detector"
    """Name of the source in logs, counts and the journal."""
    kind: Literal["dectris"] = "dectris"
    """What speaks there: a DECTRIS detector, or a relay of its stream."""
    pulled_by: Literal["daemon", "nodes"] = "daemon"
    """Who receives the stream: `daemon`, or the `nodes` of `[cluster]`, each its share,
    so that pixels cross the network once. The endpoint is then as the nodes reach it.
    Only for a detector or relay that pushes."""
    endpoint: EndpointText = "tcp://127.0.0.1:9999"
    """ZeroMQ endpoint to connect to. DECTRIS: stream v1 on port 9999, stream v2 on
    port 31001."""
    socket: Literal["pull", "sub"] = "pull"
    """`pull` for detectors and relays that push; `sub` for feeds that publish, such
    as Jungfraujoch's preview and metadata."""
    protocol: Literal["auto", "stream1", "stream2"] = "auto"
    """Stream version; `auto` tells them apart message by message."""
    channel: Name | None = None
    """Channel (threshold) to classify; unset: the first that the series header names,
    without a header the first by name."""
    other_channels: Literal["ignore", "refuse"] = "ignore"
    """What to do with further channels: count and ignore them, or count the image
    as `unsupported`."""
    receive_hwm: int = Field(100, ge=1, le=2**31 - 1)
    """Messages that ZeroMQ may hold for us (memory: times the message size)."""
    max_message_mb: int = Field(256, ge=1, le=MAX_MB)
    """Larger messages are refused by the socket."""
    max_pixels: int = Field(64_000_000, ge=1, le=MAX_PIXELS)
    """Larger images are refused before anything is allocated."""


class PandaSection(SourceSection):
    """One PandABox, whose position capture says which triggers came."""

    name: Name = "panda"
    """Name of the source, and of its clock, in logs, counts and reports."""
    kind: Literal["panda"] = "panda"
    """What speaks there."""
    host: HostText = "127.0.0.1"
    """Host of the PandABox."""
    port: int = Field(8889, ge=1, le=65535)
    """Its data port."""
    time_field: CapturedField = "PCAP.TS_TRIG.Value"
    """Captured field that holds the time of the X-ray trigger."""
    detector: Name | None = None
    """Name of the detector whose triggers it captures; unset: any, which is certain
    only where there is one."""
    lasers: Lasers = Field({})
    """Captured bits that are set where a laser fired, and the laser's name: such as
    `{"PCAP.BITS0.Value#3" = "pump"}`."""
    positions: Positions = Field({})
    """Axes whose position at the trigger is captured, and the field that holds it: such
    as `{"omega" = "INENC1.VAL.Value"}`. Angles: `omega`, `phi`, `kappa`, `chi`; stage:
    `x` (across the columns of a chip), `y` (down its rows), `z`."""
    position_scales: PositionNumbers = Field({})
    """Degrees or mm that one of a field's numbers is worth, by axis, as they are sent;
    unset: scale and unit are the header's."""
    position_offsets: PositionNumbers = Field({})
    """Degrees or mm that are added, by axis."""


class MqttSection(Section):
    """Control events and status over MQTT."""

    enabled: bool = True
    """Off: no control events; every run is unannounced."""
    host: HostText = "127.0.0.1"
    """Broker host."""
    port: int = Field(1883, ge=1, le=65535)
    """Broker port (8883 is usual with TLS)."""
    protocol: Literal["3.1.1", "5"] = "5"
    """MQTT version."""
    prefix: Topic | None = None
    """Topic prefix; unset: `recorder/<beamline>`."""
    client_id: Name | None = None
    """Client id of the persistent session; unset: `recorder-<beamline>`."""
    username: Name | None = None
    """User name, if the broker asks for one."""
    password: Secret | None = None
    """Password; better in a credential or the environment than in the file."""
    tls: bool = False
    """Use TLS with the system's certificate authorities or `ca_file`."""
    ca_file: FilePath | None = None
    """Certificate authority to trust (PEM)."""
    cert_file: FilePath | None = None
    """Client certificate (PEM)."""
    key_file: FilePath | None = None
    """Key of the client certificate (PEM)."""
    session_expiry_s: int = Field(604_800, ge=0, le=2**32 - 1)
    """How long the broker keeps our session while we are away (MQTT 5)."""
    receive_maximum: int = Field(65_535, ge=1, le=65_535)
    """How many messages the broker may send before the first of them is acknowledged
    (MQTT 5; with 3.1.1 the broker decides, 20 for mosquitto): a burst of 5000 events/s
    for 10 s waits here, where nothing is dropped, and not in the broker's queue."""
    status_interval_s: Seconds = 5.0
    """How often the status is published."""
