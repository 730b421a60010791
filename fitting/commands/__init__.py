"""The commands of ``qposer``: a module for each, and `run`, which finds and loads the one that is asked for."""
