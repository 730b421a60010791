"""Hands: skeleton, joint angles, inverse kinematics from landmarks, training poses, and the hand prior."""
