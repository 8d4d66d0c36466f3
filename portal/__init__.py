"""The download page for rapporteur staff, the desk of checkers and operators, the log reader for auditors (`docs/portal.md`).

What it does   shows what is published to everybody and the rest to whom it is for (`permissions`, `visibility`, `policies`);
               hands out files only as they were logged (`shelf`); writes the leaf of a reading before its bytes leave (`record`).
What enters    releases and the log; services of the room that starts it (`office.Services`). Never microdata.
What leaves    pages and files; leaves `viewed` and `downloaded`; decisions, signed elsewhere by whoever made them.
May import     `schemas`, and of `disclosure` the release reader, the states and the log.
"""
