"""Files, console output and interrupts, used by all packages."""
