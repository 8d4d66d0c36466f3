"""Linkage: recognise a person across registers without seeing anybody.

What it does   encodes registers under the study's keys (`encode`), compares and resolves encodings (`link`).
What enters    canonical events of `schemas.intake` (encode desk), linkage files and the earlier id map (link desk).
What leaves    linkage files, attribute files, row token -> person id; never a name, birth date or V-number.
May import     schemas only.

Security property: `encode`, with `normalise`, is one of the two places that ever hold an identity; keys are derived in
`keys` and reach the encode desk only. `link` and what it imports hold pseudonyms and encodings, no key, no attribute.
"""
