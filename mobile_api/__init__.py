"""What the phone sees: the HTTP interface of the marketplace, and the app that speaks it."""
