"""Numbers in, numbers out: how long things take and when they can be there. No I/O, no clock."""
