"""Calibrated cameras in the files of other tools: one reader a format."""

from fitting.inputs.calibration_files.reading import read_cameras

__all__ = ["read_cameras"]
