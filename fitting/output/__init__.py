"""Outputs of a fit: results, files for other tools, pictures, the 3D viewer."""
