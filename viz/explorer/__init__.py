"""The explorer: a graph to fold, search and ask, and the summaries of functions."""
