"""Measurements and attacks: everything with a clock in it, and every comparison with peers, in one run.

What enters    shipped instances, synthetic registers, peers in environments of their own.
What leaves    a table for people, and rows of metric, value, unit, target, holds, peer.
May import     every room except the portal.
"""
