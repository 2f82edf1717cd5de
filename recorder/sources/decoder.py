"""Which decoder of framed chunks is used: the native one where it is installed.

Both are bounded by the declared shape and give the same pixels; they differ in speed
(docs/decisions/0020-two-decoders.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from recorder.sources import native_decoder, wheel_decoder
from recorder.sources.native_decoder import Into

NATIVE = "dectris-compression"
WHEELS = "imagecodecs"


@dataclass(frozen=True, slots=True)
class ChunkDecoder:
    """Decodes bslz4, lz4 and bszstd."""

    name: str
    """Distribution that does the work."""
    into: Into

    def describe(self) -> str:
        """One line: which decoder it is, and what is lost without the native one."""
        text = f"{self.name} {version(self.name)}"
        if self.name == NATIVE:
            return text
        return (
            f"{text}: bitshuffled images take 2 to 3 times as long to decode as with "
            f"{NATIVE}; with gcc, g++ and Python's headers there: "
            "pip install 'ssx-recorder[native]'"
        )


def find_decoder() -> ChunkDecoder:
    """The native decoder, or the one from wheels."""
    into = native_decoder.load()
    if into is None:
        return ChunkDecoder(WHEELS, wheel_decoder.decode_into)
    return ChunkDecoder(NATIVE, into)


DECODER = find_decoder()
