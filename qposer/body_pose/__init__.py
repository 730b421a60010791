"""The SMPL body pose: skeleton, rotations, kinematics, surface points, and files of poses."""
