"""Bodies of the SMPL family: models, their files, and where keypoints lie on them."""
