"""Files of 2D keypoints that other tools write: each tool's file has a reader, each order of points a layout."""

from fitting.inputs.keypoint_files.reading import read_keypoints

__all__ = ["read_keypoints"]
