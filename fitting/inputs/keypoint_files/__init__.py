"""Files of 2D keypoints from other tools: a reader for each file type, a layout for each order of points."""

from fitting.inputs.keypoint_files.reading import read_keypoints

__all__ = ["read_keypoints"]
