"""Fits of fingers to the keypoints of hands."""
