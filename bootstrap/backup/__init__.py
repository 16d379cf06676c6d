"""Backups of a running marketplace, and the way back from one."""
