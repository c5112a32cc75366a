"""Keeping what people made: a workspace whose database is gone or damaged gets a new one, and a backup is one file.

rebuild.py  a database from what lies in the workspace: media, segments, event logs, journal, and what can still be read
repair.py   when that is due, and the exchange of the damaged file for the new one
backup.py   one archive of settings, database, journal and glossary
"""
