"""Protocol code that knows nothing of the product: OPC UA, serial lines, the words of ISA-95 job control."""
