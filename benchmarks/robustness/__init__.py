"""Damaged and hostile inputs: none may end in anything but a sound result or one line that says what is wrong."""
