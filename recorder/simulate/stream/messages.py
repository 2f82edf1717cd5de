"""Messages as a detector sends them, byte for byte in either protocol."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import cbor2
import numpy as np
from numpy.typing import NDArray

from recorder.records import DetectorInfo, Json, Payload
from recorder.simulate.stream.arming import Arming, Axes
from recorder.sources.dectris.cbor_arrays import COMPRESSION, ROW_MAJOR, TYPED_ARRAYS

Message = list[bytes | memoryview]

TICKS_PER_S = 50_000_000
"""Clock rate of the simulated stream v2 detector."""
_V1_ENCODINGS = {"bslz4": "bs{bits}-lz4<", "lz4block": "lz4<", "raw": "<"}
_TAGS = {dtype: tag for tag, dtype in TYPED_ARRAYS.items() if tag != 68}


class _Stream:
    """What both protocols need.

    Args:
        series: Series number.
        info: What the header says.
        images: Images it announces.
        appendix: Header appendix.
        mask: True = bad pixel.
        detail: ``none``, ``basic`` or ``all``.
        arming: How it is armed; None: each image has a trigger.
        axes: The goniometer of the header; empty: it has none.
    """

    def __init__(
        self,
        series: int,
        info: DetectorInfo,
        images: int,
        *,
        appendix: Json | None = None,
        mask: NDArray[np.bool_] | None = None,
        detail: str = "all",
        arming: Arming | None = None,
        axes: Axes | None = None,
    ) -> None:
        self.series = series
        self.info = info
        self.images = images
        self.appendix = appendix
        self.mask = mask
        self.detail = detail
        self.arming = arming or Arming(1, images)
        self.axes = axes or {}
        self._date = datetime.now(UTC)
        self.unique_id = f"{series}-{self._date.timestamp():.6f}"


class Stream1(_Stream):
    """Stream v1: multipart JSON and blobs."""

    def start(self) -> Message:
        """The header, its tables and its appendix."""
        head = {
            "htype": "dheader-1.0",
            "series": self.series,
            "header_detail": self.detail,
        }
        parts = [_json(head)]
        if self.detail != "none":
            parts.append(_json(self._config()))
        if self.detail == "all" and self.info.shape is not None:
            parts += self._tables(self.info.shape)
        if self.appendix is not None:
            parts.append(_json(self.appendix))
        return list(parts)

    def _config(self) -> Json:
        info = self.info
        y, x = info.shape or (0, 0)
        center, pixel = info.beam_center or (0, 0), info.pixel_size or (0, 0)
        return {
            "beam_center_x": center[0],
            "beam_center_y": center[1],
            "bit_depth_image": 8 * np.dtype(info.dtype or "uint16").itemsize,
            "count_time": info.exposure_time_s,
            "countrate_correction_count_cutoff": int(info.saturation or 0),
            "data_collection_date": self._date.isoformat(),
            "description": info.description,
            "detector_distance": info.distance,
            "detector_number": info.serial_number,
            "flatfield_correction_applied": bool(info.flatfield_applied),
            "frame_time": info.frame_time_s,
            "nimages": self.arming.images_per_trigger,
            "ntrigger": self.arming.triggers,
            "photon_energy": info.photon_energy,
            "sensor_material": info.sensor_material,
            "sensor_thickness": info.sensor_thickness,
            "trigger_mode": self.arming.mode,
            "wavelength": info.wavelength,
            "x_pixel_size": pixel[0],
            "x_pixels_in_detector": x,
            "y_pixel_size": pixel[1],
            "y_pixels_in_detector": y,
            **{
                f"{axis}_{name}": value
                for axis, values in self.axes.items()
                for name, value in zip(("start", "increment"), values, strict=True)
            },
        }

    def _tables(self, shape: tuple[int, int]) -> list[bytes]:
        y, x = shape
        mask = np.zeros(shape, "<u4") if self.mask is None else self.mask.astype("<u4")
        table = np.ones((2, 100), "<f4")
        return [
            _json({"htype": "dflatfield-1.0", "shape": [x, y], "type": "float32"}),
            np.ones(shape, "<f4").tobytes(),
            _json({"htype": "dpixelmask-1.0", "shape": [x, y], "type": "uint32"}),
            mask.tobytes(),
            _json(
                {"htype": "dcountrate_table-1.0", "shape": [2, 100], "type": "float32"}
            ),
            table.tobytes(),
        ]

    def image(self, image_id: int, payload: Payload, start_ns: int) -> Message:
        """One image."""
        exposure = int((self.info.exposure_time_s or 1e-4) * 1e9)
        dtype = np.dtype(payload.dtype)
        encoding = _V1_ENCODINGS[payload.encoding].format(bits=8 * dtype.itemsize)
        y, x = payload.shape
        described = _json(
            {
                "htype": "dimage_d-1.0",
                "shape": [x, y],
                "type": dtype.name,
                "encoding": encoding,
                "size": len(payload.data),
            }
        )
        head = {
            "htype": "dimage-1.0",
            "series": self.series,
            "frame": image_id,
            # as detectors do: of the description, not of the pixels
            "hash": hashlib.md5(described, usedforsecurity=False).hexdigest(),
        }
        return [
            _json(head),
            described,
            payload.data,
            _json(
                {
                    "htype": "dconfig-1.0",
                    "start_time": start_ns,
                    "stop_time": start_ns + exposure,
                    "real_time": exposure,
                }
            ),
        ]

    def end(self) -> Message:
        """The end of the series."""
        return [_json({"htype": "dseries_end-1.0", "series": self.series})]


class Stream2(_Stream):
    """Stream v2: one CBOR map a message."""

    CHANNEL = "threshold_1"

    def start(self) -> Message:
        """The start message."""
        info = self.info
        y, x = info.shape or (0, 0)
        center, pixel = info.beam_center or (0.0, 0.0), info.pixel_size or (0.0, 0.0)
        body: dict[str, Any] = {
            "type": "start",
            "arm_date": self._date,
            "beam_center_x": center[0],
            "beam_center_y": center[1],
            "channels": [self.CHANNEL],
            "count_time": info.exposure_time_s,
            "detector_description": info.description,
            "detector_serial_number": info.serial_number,
            "detector_translation": [0.0, 0.0, -(info.distance or 0.0)],
            "flatfield_enabled": bool(info.flatfield_applied),
            "frame_time": info.frame_time_s,
            "image_dtype": info.dtype,
            "image_size_x": x,
            "image_size_y": y,
            "incident_energy": info.photon_energy,
            "incident_wavelength": info.wavelength,
            "number_of_images": self.images,
            "pixel_mask_enabled": True,
            "pixel_size_x": pixel[0],
            "pixel_size_y": pixel[1],
            "saturation_value": int(info.saturation or 0),
            "sensor_material": info.sensor_material,
            "sensor_thickness": info.sensor_thickness,
            "series_id": self.series,
            "series_unique_id": self.unique_id,
        }
        if self.axes:
            body["goniometer"] = {
                axis: {"start": start, "increment": increment}
                for axis, (start, increment) in self.axes.items()
            }
        if self.appendix is not None:
            body["user_data"] = self.appendix
        if self.detail == "all" and self.mask is not None:
            array = array_tag(self.mask.astype("<u4"))
            body["pixel_mask"] = {self.CHANNEL: array}
        return [cbor2.dumps(body)]

    def image(self, image_id: int, payload: Payload, start_ns: int) -> Message:
        """One image."""
        exposure = int((self.info.exposure_time_s or 1e-4) * TICKS_PER_S)
        start = start_ns * TICKS_PER_S // 10**9
        body = {
            "type": "image",
            "image_id": image_id,
            "real_time": [exposure, TICKS_PER_S],
            "series_date": self._date,
            "series_id": self.series,
            "series_unique_id": self.unique_id,
            "start_time": [start, TICKS_PER_S],
            "stop_time": [start + exposure, TICKS_PER_S],
            "data": {self.CHANNEL: payload_tag(payload)},
        }
        return [cbor2.dumps(body)]

    def end(self) -> Message:
        """The end message."""
        body = {
            "type": "end",
            "series_id": self.series,
            "series_unique_id": self.unique_id,
        }
        return [cbor2.dumps(body)]


PROTOCOLS: dict[str, type[Stream1] | type[Stream2]] = {
    "stream1": Stream1,
    "stream2": Stream2,
}


def payload_tag(payload: Payload) -> cbor2.CBORTag:
    """Pixels as stream v2 carries them."""
    dtype = np.dtype(payload.dtype)
    data: Any = bytes(payload.data)
    if payload.encoding != "raw":
        data = cbor2.CBORTag(COMPRESSION, [payload.encoding, dtype.itemsize, data])
    typed = cbor2.CBORTag(_TAGS[dtype.str], data)
    return cbor2.CBORTag(ROW_MAJOR, [list(payload.shape), typed])


def array_tag(array: NDArray[Any]) -> cbor2.CBORTag:
    """An uncompressed array as stream v2 carries it."""
    typed = cbor2.CBORTag(_TAGS[array.dtype.str], array.tobytes())
    return cbor2.CBORTag(ROW_MAJOR, [list(array.shape), typed])


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
