"""Readers of calibration files of other tools, one per format."""

from fitting.inputs.calibration_files.reading import read_cameras

__all__ = ["read_cameras"]
