"""Videos: frames, tracking of a person, clips fitted as a whole."""
