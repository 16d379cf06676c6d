"""Ports that need no outside world: for tests, trials and demonstrations. The file of a fake is named like its port."""
