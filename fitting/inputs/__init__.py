"""Inputs of a fit: images, keypoints and their files, cameras, the person detector."""
