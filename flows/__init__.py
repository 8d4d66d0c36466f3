"""Thin Prefect flows and the command line: the only room that imports all the others.

What it does   runs the desks (encode, link, tabulate) one after the other, protects, and publishes in one atomic step.
What enters    a study, a folder with register extracts, a state folder.
What leaves    a proposed release, leaves in the log, charges in the ledger, one coded line per step on the terminal.
May import     every room.

Prefect stores parameters, logs, results and exception texts where everybody who reaches its pages can read them.
So every flow and task is made by `flows.safe`: ids instead of frames, no persistence, no cache, coded errors.
"""
