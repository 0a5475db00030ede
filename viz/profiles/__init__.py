"""Profiles and memory, as pages and pictures."""
