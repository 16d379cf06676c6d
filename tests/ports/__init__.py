"""One suite a port, run on the fake that ships and on the real adapter."""
