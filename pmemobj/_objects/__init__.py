"""Instances of a program's own classes, and the life of all objects."""
