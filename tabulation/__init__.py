"""From attributes and person ids to exact tables: derived attributes, and one generic tabulator.

What it does   pairs cases, finds routes, stages and windows, then counts every table of a catalogue.
What enters    attribute tables (token and attributes), persons (token, person_id), a study, its catalogue.
What leaves    `schemas.tables.ExactTable`s, in memory only; functions that derive statistics from protected tables.
May import     schemas, and no other room.

Security property: it sees neither an identity nor an encoding, and what it makes is exact: nothing here may be
published.
"""
