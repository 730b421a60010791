"""The commands as scripts that run from a checkout without installation, and the Python API in one script."""
