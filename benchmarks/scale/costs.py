"""What an image, a lesson and a learned state cost, as measured elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Costs:
    """Seconds of one core, quiet machine."""

    name: str
    image_s: float
    """An image at 20 % hits: docs/benchmarks.md."""
    lesson_images: float = 48.0
    """A lesson that makes a new map, in images: docs/explanations/classification.md."""
    take_images: float = 3.0
    """Taking over a state, in images: 40 ms at 4 megapixels on a busy machine."""

    @property
    def lesson_s(self) -> float:
        """Seconds that a lesson takes."""
        return self.lesson_images * self.image_s

    @property
    def take_s(self) -> float:
        """Seconds that a worker takes for a new state."""
        return self.take_images * self.image_s

    def slower(self, factor: float) -> Costs:
        """The same, all of it so many times slower."""
        return replace(self, image_s=self.image_s * factor)


FOUR = Costs("4 Mpx", image_s=1 / 242)
SIXTEEN = Costs("16 Mpx", image_s=1 / 54)
