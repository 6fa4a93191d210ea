"""HTML pages for people: one file each, which opens without a network."""
