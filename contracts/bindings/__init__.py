"""One module a contract: calldata builders that give a `Call`, and reads."""
