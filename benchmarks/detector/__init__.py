"""How the detector errs, on rendered people and in a calibrated recording: ``python -m benchmarks.detector``."""
