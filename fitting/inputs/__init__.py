"""What a fit starts from: images, keypoints and their files, cameras, the person detector."""
