"""Images of one's own: a folder per domain, in it a folder per class, or per split and class."""
