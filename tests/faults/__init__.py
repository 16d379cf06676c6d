"""The fault laboratory: real processes, real `kill -9`, a real chain, and a reckoning at the end of every run."""
