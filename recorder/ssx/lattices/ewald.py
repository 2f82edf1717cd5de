"""What a wrong beam centre or distance does to the spots of a still.

Scattering vectors of a still lie on the Ewald sphere, whose radius they tell. So a
shift of the beam centre and a change of the distance can be undone without the
detector's geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import BoolArray, FloatArray

_ON_SPHERE = 0.02
"""Relative distance from the sphere beyond which spots lie on none. Measured ones are
there but for rounding. Chosen, not tuned."""

RIGHT: tuple[float, float, float] = (0.0, 0.0, 0.0)
"""The view of a detector that is where it is said to be: shift of the beam centre along
x and y (1/Å, in the middle of the detector), relative change of the distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Spots of a still, lowest |q| first."""

    q: FloatArray
    """(n, 3) scattering vectors, 1/Å."""
    norm: FloatArray
    """(n,) their lengths."""
    normal: FloatArray
    """(n, 3) unit normals of the Ewald sphere."""
    fields: FloatArray
    """(3, n, 3): what a unit of each part of a view adds to q."""

    def __len__(self) -> int:
        return len(self.q)

    def select(self, chosen: BoolArray | slice) -> Spots:
        """Some of the spots."""
        return Spots(
            self.q[chosen],
            self.norm[chosen],
            self.normal[chosen],
            self.fields[:, chosen],
        )

    def seen(self, view: FloatArray) -> FloatArray:
        """The spots as a view has them.

        Args:
            view: (3,), or (m, 3) of several.

        Returns:
            (n, 3) or (m, n, 3), 1/Å.
        """
        if view.ndim == 1 and not view.any():
            return self.q
        flat = view @ self.fields.reshape(3, -1)
        return np.asarray(self.q - flat.reshape(*view.shape[:-1], *self.q.shape))


def spots_of(q: FloatArray) -> Spots:
    """Sort spots by |q| and find the sphere that they lie on.

    Args:
        q: (n, 3) scattering vectors, 1/Å, finite and not zero, beam along z.
    """
    norm = np.linalg.norm(q, axis=1)
    order = np.argsort(norm, kind="stable")
    q, norm = q[order], norm[order]
    fields = np.zeros((3, *q.shape))
    behind = q[:, 2] < 0
    radius = 0.0
    if behind.any():
        radius = float(np.median(np.square(norm[behind]) / (-2 * q[behind, 2])))
        wave = q + np.array([0.0, 0.0, radius])
        length = np.linalg.norm(wave, axis=1)
        off = np.abs(length - radius) > _ON_SPHERE * radius
    if not behind.any() or off.any() or (wave[:, 2] <= 0).any():
        normal = np.tile([0.0, 0.0, 1.0], (len(q), 1))
        fields[0, :, 0] = fields[1, :, 1] = 1.0
        fields[2] = q
        return Spots(q, norm, normal, fields)
    normal = wave / length[:, None]
    cosine = normal[:, 2:]
    for axis in range(2):
        fields[axis, :, axis] = cosine[:, 0]
        fields[axis] -= normal * (cosine * normal[:, axis : axis + 1])
    along = radius * normal[:, :2] / cosine
    fields[2] = fields[0] * along[:, :1] + fields[1] * along[:, 1:]
    return Spots(q, norm, normal, fields)
