"""Videos: frames, tracking of a person, and fits of whole clips."""
