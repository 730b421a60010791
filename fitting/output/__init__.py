"""What a fit writes: results, files for other tools, pictures, the 3D viewer."""
