"""Contracts: what every other room may rely on, and nothing that computes a table.

What it does   reads raw extracts into canonical events, sets broken rows aside, and defines studies, code lists,
               the catalogue, policies, tables and release files.
What enters    raw register extracts (identities!), TOML and CSV shipped with the package or named by the user.
What leaves    typed Arrow tables, pydantic models, the quarantine file (never a value).
May import     none of the other rooms.

Security property: `schemas.intake` is one of the two places (with `linkage.encode`) that ever hold an identity.
"""
