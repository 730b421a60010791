"""Positions of the detector's keypoints on people and on the open body: ``python -m benchmarks.landmarks``."""
