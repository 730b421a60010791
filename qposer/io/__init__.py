"""Files, console output and interrupts: what every package reads, writes and prints with."""
