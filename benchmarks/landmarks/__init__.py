"""Where the detector's keypoints are on people and on the open body: ``python -m benchmarks.landmarks``."""
