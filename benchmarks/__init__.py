"""The commands that produce the figures in the README and in docs/."""
