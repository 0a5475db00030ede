"""The monitor: what variables are like while a loop runs."""
