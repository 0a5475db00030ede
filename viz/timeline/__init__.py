"""The optimisation of a function, step by step."""
