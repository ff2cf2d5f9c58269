"""Rows of text columns to call records, or to rejects with a reason."""
