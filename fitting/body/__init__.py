"""Body models of the SMPL family, their files, and the positions of keypoints on them."""
