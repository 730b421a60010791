"""The studio: poses edited in a browser."""
