"""Suppression against its targets and its peers, all attacked with the same code."""
