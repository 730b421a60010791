"""Control of poses: edits by code, constraints, inverse kinematics, instructions and descriptions in words."""
