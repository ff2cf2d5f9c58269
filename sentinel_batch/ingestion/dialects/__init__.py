"""Dialects: how each kind of CDR file is laid out, as data."""
