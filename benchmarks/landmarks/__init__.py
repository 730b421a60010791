"""Where the detector's keypoints lie on people and on the open body: ``python -m benchmarks.landmarks``."""
