"""A simulated two-cell factory: a real OPC UA server and inspection stations on a line protocol."""
