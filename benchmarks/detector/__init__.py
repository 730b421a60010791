"""Detector errors on rendered people and in a calibrated recording: ``python -m benchmarks.detector``."""
