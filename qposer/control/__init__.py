"""Control of poses: edits of codes, constraints, inverse kinematics, instructions and text descriptions."""
