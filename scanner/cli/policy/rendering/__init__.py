"""The forms in which ``policy check`` prints what it found; one module each, exporting ``render``."""
