"""Files to rows of text columns."""
