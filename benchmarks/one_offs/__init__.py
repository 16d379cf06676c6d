"""A calibrated generator of one-off jobs and orders: synthetic, and never to be taken for data of a shop."""
