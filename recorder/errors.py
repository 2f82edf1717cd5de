"""One base error; each child names the fact that is false, and says what to do."""

from __future__ import annotations

from typing import Any

MAX_QUOTED = 500
"""Characters of an error about something received: it may quote what came."""


class RecorderError(Exception):
    """Base of every error that the recorder raises on purpose.

    The message is for people: what is wrong, and what to do about it.
    """

    exit_code = 1


class ConfigError(RecorderError):
    """The configuration cannot be used."""

    exit_code = 2


class MissingExtraError(RecorderError):
    """The configuration asks for something whose packages are not installed."""

    exit_code = 2

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed: "
            f"pip install 'ssx-recorder[{extra}]'"
        )


class UsageError(RecorderError):
    """A command was called with something that it cannot use."""

    exit_code = 2


class BadMessageError(RecorderError):
    """A message from a source breaks its protocol.

    Attributes:
        kind: Short fixed word under which the message is counted and logged.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message[:MAX_QUOTED])
        self.kind = kind


class WireError(RecorderError):
    """A message of a worker or a node cannot be read."""

    def __init__(self, message: str) -> None:
        super().__init__(message[:MAX_QUOTED])


class NodeError(RecorderError):
    """A node ends: its home refuses it, or is not there."""


class ImageError(RecorderError):
    """An image was received but its pixels cannot be had."""

    reason = "corrupt"

    def __init__(self, message: str) -> None:
        super().__init__(message[:MAX_QUOTED])


class CorruptImageError(ImageError):
    """The payload does not decode to the declared shape."""

    reason = "corrupt"


class UnsupportedImageError(ImageError):
    """The payload is in a format that the recorder does not read."""

    reason = "unsupported"


class PartialImageError(ImageError):
    """Some parts of the image are there, others are not."""

    reason = "partial"


class FileFormatError(RecorderError):
    """A file has no image data that the recorder can read."""


class NoImagesError(FileFormatError):
    """A file is well, but has no images in it."""


class MissingDataFileError(FileFormatError):
    """A master file points to a data file that is not there."""


class JournalError(RecorderError):
    """The journal cannot be opened or written."""


class ReportError(RecorderError):
    """The report of a run, as the journal holds it, cannot be read."""


class LogError(RecorderError):
    """A log cannot be read."""


class NoSuchRunError(RecorderError):
    """The journal has no such run, experiment or image."""


class SinkError(RecorderError):
    """A sink refuses a record for good; repeating it would not help."""


class SinkFollowsError(SinkError):
    """A sink refuses a record because it refused an earlier one of the same run."""


class SinkUnavailableError(RecorderError):
    """A sink cannot be reached now; the same record will be tried again."""


class SinkDeniedError(SinkUnavailableError):
    """The sink does not let us; a person may give the right, so it is tried again."""


class PortalUnavailableError(RecorderError):
    """A user portal cannot be asked now, or answers what cannot be used."""


class UnitCellError(RecorderError):
    """Six numbers that make no unit cell."""


class ServerMissingError(RecorderError):
    """A program that is needed here is not installed."""


_SHOWN = 60
"""Characters of a value from outside that a message quotes: recognisable, and one line
of a log. Chosen, not tuned."""


def shown(value: Any) -> str:
    """A value from outside as part of a message: short, whatever it is."""
    if isinstance(value, str | bytes):
        return repr(value[:_SHOWN]) + ("…" if len(value) > _SHOWN else "")
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple) and len(value) < 5:
        plain = all(not isinstance(v, list | tuple) for v in value)
        return f"[{', '.join(map(shown, value))}]" if plain else "a nested list"
    return f"a {type(value).__name__}"
