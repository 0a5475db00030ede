"""Graphs as views: nodes and edges, and their static pictures and texts."""
