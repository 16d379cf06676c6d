"""The words of the interface: what comes in is checked and closed, what goes out is named field by field."""
