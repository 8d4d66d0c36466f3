"""The download page for rapporteur staff and the log reader for auditors. Not built yet.

What enters    releases and the log; never microdata.
What leaves    pages and files, each view and download of something restricted logged before the bytes leave.
May import     `schemas`, and of `disclosure` the release reader, the states and the log.
"""
