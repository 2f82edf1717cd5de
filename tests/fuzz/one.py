"""One target under atheris: ``python -m tests.fuzz.one TARGET [libFuzzer options]``.

A process of its own, since a finding, a limit of memory or of time ends it.
"""

from __future__ import annotations

import sys
from random import Random

import atheris
import structlog

with atheris.instrument_imports(include=["recorder", "pandablocks"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.mutations import mutation


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    name, *options = sys.argv[1:]
    mutate = mutation(name)

    def changed(data: bytes, max_size: int, seed: int) -> bytes:
        """Half of the changes keep the message's structure."""
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return mutate(data, random)[:max_size]

    arguments = [sys.argv[0], *options]
    atheris.Setup(arguments, TARGETS[name], custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
