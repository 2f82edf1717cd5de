"""The daemon that writes down what happened at a serial-crystallography beamline."""

__version__ = "0.1.0"
