"""Background of one image from a fixed sub-sample of its rows.

Pixels are grouped in bins of equal distance from the beam centre, or, while the
centre is unknown, in square tiles. Everything that depends on the geometry only is
built once; an image costs one gather and a few segmented sums of the sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray, IntArray
from recorder.ssx.background.bins import Bins
from recorder.ssx.background.noise import (
    BAND,
    CUT,
    Background,
    limit,
    variance,
    whole_counts,
)
from recorder.ssx.background.photon_transfer import PhotonTransfer, photon_transfer
from recorder.ssx.background.row_pieces import lifted, pairs, pieces

_SAMPLE = 150_000
"""Pixels to look at: a bin mean is then known to a few per cent."""
_MIN_IN_BIN = 40
"""Sampled pixels without which a bin takes its neighbours' value: at 0.6 photons its
mean is known to 20 %. Half or double changes false spots by at most 0.1 an image (`make
bench-quality`, Spots)."""
_PASSES = 4
"""Times that the pixels beyond the cut are left out and the mean is taken anew. Half or
double changes no spot in `make bench-quality`, Spots."""
_SNAP = 0.15
"""A gain this close to 1 is photon counting."""
_NOISELESS = 0.02
"""Electronic noise (photons²) so low that it makes no count negative."""
_NOISE_SHARE = 0.1
"""Share of the photons' own variance below which electronic noise is none: an estimate
that is so small may be chance."""
_UNDERLOAD_FLAG = -2.0
"""Counts: detectors without electronic noise mark bad pixels by -1 and -2; what is
lower still is noise."""
_FEW = 1e-3
"""Share of pixels below the flags that single broken ones may make; noise makes more.
Half or double changes nothing in `make bench-quality`, Spots: signed pixels."""
_GAIN_MIN_SUM = 200.0
"""Photons in the sample below which no gain can be told."""
_SOLVENT = (2.95, 3.7)
"""Å; the ring of water, wide enough for its neighbours in other solvents."""


@dataclass(frozen=True, slots=True, eq=False)
class RadialBackground:
    """Equal in all pixels of a bin; see :class:`Background`."""

    bins: Bins
    mean: FloatArray
    """(bins,) expected counts of a pixel."""
    gain: float
    read_noise: float
    level: float
    underload: float = -math.inf
    solvent: float | None = None
    local: bool = False
    pedestal: float = 0.0

    def at(self, x: IntArray, y: IntArray) -> FloatArray:
        """See :meth:`Background.at`."""
        return np.asarray(self.mean[self.bins(x, y)])


class BackgroundEstimator:
    """Estimates :class:`RadialBackground` for images of one shape and mask.

    Args:
        bins: How pixels are grouped.
        good: (slow, fast) bool, pixels to be trusted.
        flatfield: (slow, fast) float32 factors or None.
        bad_value: Pixel value that marks a bad pixel, or None.
        signed: Whether pixels can be negative: then there is electronic noise.
    """

    def __init__(
        self,
        bins: Bins,
        good: NDArray[np.bool_],
        flatfield: NDArray[np.float32] | None,
        bad_value: int | None,
        *,
        signed: bool,
    ) -> None:
        height, width = bins.shape
        step = max(1, round(height * width / _SAMPLE))
        self._rows = np.arange(min(step // 2, height - 1), height, step)
        self._width = width
        y, x = self._rows[:, None], np.arange(width)[None, :]
        self._labels = bins(x, y)
        self._good = good[self._rows]
        self._flat = None if flatfield is None else flatfield[self._rows]
        self._bad_value = bad_value
        self._signed = signed
        self._values = np.empty(self._labels.shape, np.float32)
        self._use = np.empty(self._labels.shape, np.bool_)
        flat_labels = self._labels.ravel()
        order = np.argsort(flat_labels, kind="stable")
        self._order = order[self._good.ravel()[order]]
        ordered = flat_labels[self._order]
        self._present, self._starts = np.unique(ordered, return_index=True)
        self._lengths = np.diff(np.append(self._starts, len(ordered)))
        self._count = bins.count
        self._bins = bins
        with np.errstate(invalid="ignore"):
            spacing = bins.spacing()
            self._solvent = (spacing > _SOLVENT[0]) & (spacing < _SOLVENT[1])
        rows = np.minimum(np.arange(0, height, BAND) + BAND // 2, height - 1)
        self._bands = bins(np.arange(width)[None, :], rows[:, None])

    def estimate(
        self, pixels: NDArray[np.integer], gain: float | None = None
    ) -> RadialBackground:
        """Background of an image.

        Args:
            pixels: (slow, fast) integers.
            gain: Counts per photon; None estimates it.

        Returns:
            The background; all zero if there is no good pixel.
        """
        self._load(pixels)
        if len(self._order) == 0:
            nothing = np.zeros(self._count)
            return RadialBackground(self._bins, nothing, gain or 1.0, 0.0, 0.0)
        noise = self._rough_noise(gain)
        underload = self._underload(noise.gain, noise.read_noise)
        mean, cut = self._trimmed(noise)
        if gain is None and not self._signed and not noise.pedestal:
            noise = PhotonTransfer(self._fine_gain(cut))
        level = float(np.dot(mean[self._present], self._lengths) / len(self._order))
        return RadialBackground(
            self._bins,
            mean,
            noise.gain,
            noise.read_noise,
            level,
            underload,
            self._ring(mean - noise.pedestal, level - noise.pedestal),
            pedestal=noise.pedestal,
        )

    def noise(
        self,
        images: Sequence[NDArray[np.integer]],
        backgrounds: Sequence[Background],
        gain: float | None,
    ) -> PhotonTransfer:
        """Gain, read noise and pedestal of several images together.

        Args:
            images: (slow, fast) arrays.
            backgrounds: What :meth:`estimate` made of each.
            gain: Counts per photon, if it is known.
        """
        based = sum(background.pedestal > 0 for background in backgrounds)
        if not self._signed and 2 * based <= len(images):
            gains = [background.gain for background in backgrounds]
            found = gain or float(np.median(gains))
            return PhotonTransfer(_snapped(found) if gain is None else found)
        return self.transfer(images, gain)

    def transfer(
        self, images: Sequence[NDArray[np.integer]], gain: float | None
    ) -> PhotonTransfer:
        """What variance against mean says of images (slow, fast) together."""
        means, variances = [], []
        for pixels in images:
            self._load(pixels)
            mean, scatter = pieces(self._values, self._use)
            means.append(mean)
            variances.append(scatter)
        return photon_transfer(np.concatenate(means), np.concatenate(variances), gain)

    def _ring(self, mean: FloatArray, level: float) -> float | None:
        """Mean in the solvent ring over the mean of all."""
        weights = np.zeros(self._count)
        weights[self._present] = self._lengths * self._solvent[self._present]
        if level <= 0 or not weights.any():
            return None
        return float(np.dot(mean, weights) / weights.sum() / level)

    def thresholds(
        self, background: RadialBackground, p: float, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Counts that a background pixel exceeds with a probability below p.

        Returns:
            (bands of BAND rows, fast) of the pixels' type; lowered to that of the
            neighbouring bins, so that no candidate is missed.
        """
        table = self._bins.lowest_near(limit(background.mean, background, 1.0, p))
        return whole_counts(table, dtype)[self._bands]

    def _underload(self, gain: float, read_noise: float) -> float:
        """Detectors without electronic noise mark bad pixels by -1 and -2."""
        if not self._signed:
            return -math.inf
        level = float(self._values.mean(where=self._use)) if self._use.any() else 0.0
        if read_noise > max(_NOISELESS, _NOISE_SHARE * level / gain):
            return -math.inf
        below = (self._values < _UNDERLOAD_FLAG) & self._use
        if below.sum() > _FEW * self._use.sum():  # noise goes lower than flags do
            return -math.inf
        self._use &= self._values >= 0
        self._values *= self._use
        return 0.0

    def _load(self, pixels: NDArray[np.integer]) -> None:
        raw = pixels[self._rows]
        self._values[...] = raw
        np.copyto(self._use, self._good)
        if self._bad_value is not None:
            self._use &= raw != self._bad_value
        if self._flat is not None:
            self._values *= self._flat
        self._values *= self._use

    def _rough_noise(self, gain: float | None) -> PhotonTransfer:
        """Gain, read noise and pedestal from the median over short pieces of rows.

        Differences of neighbours, because gradients of the background do not enter;
        the median, because few of the pieces touch a spot.
        """
        if self._signed:
            return photon_transfer(*pieces(self._values, self._use), gain)
        if lifted(self._values, self._use):
            mean, scatter = pieces(self._values, self._use)
            found = photon_transfer(mean, scatter, gain)
            if found.pedestal > 0:
                return PhotonTransfer(found.gain, pedestal=found.pedestal)
        if gain is not None:
            return PhotonTransfer(gain)
        square, total = pairs(self._values, self._use)[:2]
        seen = total > 0
        if not seen.any():
            return PhotonTransfer(1.0)
        return PhotonTransfer(max(1.0, float(np.median(square[seen] / total[seen]))))

    def _trimmed(self, noise: PhotonTransfer) -> tuple[FloatArray, FloatArray]:
        """Mean per bin without what cannot be background, and the cut used."""
        values = self._values.ravel()[self._order]
        use = self._use.ravel()[self._order]
        sums = np.add.reduceat(values, self._starts, dtype=np.float64)
        counts = np.add.reduceat(use, self._starts, dtype=np.intp)
        mean = sums / np.maximum(counts, 1)
        cut = np.zeros_like(mean)
        for _ in range(_PASSES):
            photons = variance(mean, noise)
            cut = mean + noise.gain * (CUT * np.sqrt(photons) + CUT)
            keep = values <= np.repeat(cut.astype(np.float32), self._lengths)
            keep &= use
            sums = np.add.reduceat(values * keep, self._starts, dtype=np.float64)
            counts = np.add.reduceat(keep, self._starts, dtype=np.intp)
            mean = sums / np.maximum(counts, 1)
        full_cut = np.zeros(self._count)
        full_cut[self._present] = cut
        return self._filled(mean, counts), full_cut

    def _filled(self, mean: FloatArray, counts: IntArray) -> FloatArray:
        """Mean for every bin: those with few pixels take their neighbours' value."""
        enough = counts >= min(_MIN_IN_BIN, int(counts.max(initial=0)))
        enough &= counts > 0
        if not enough.any():
            return np.zeros(self._count)
        filled = np.interp(np.arange(self._count), self._present[enough], mean[enough])
        return np.asarray(filled, dtype=np.float64)

    def _fine_gain(self, cut: FloatArray) -> float:
        """Variance over mean of the pixels that are background."""
        allowed = self._values <= cut.astype(np.float32)[self._labels]
        allowed &= self._use
        square, total = pairs(self._values, allowed)[:2]
        if total.sum() < _GAIN_MIN_SUM:
            return 1.0
        return _snapped(float(square.sum() / total.sum()))


def _snapped(gain: float) -> float:
    return 1.0 if gain < 1.0 + _SNAP else gain
