"""The layered layout: rows, order within rows, and places."""
