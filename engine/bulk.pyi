"""Judges the posts of one batch, in one thread or several, into columns."""
