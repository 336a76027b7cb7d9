"""Pools as text, and pools made of text."""
