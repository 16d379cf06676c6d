"""Plain Python: no I/O, no clock, no third party. Everything here is a value or a pure function."""
