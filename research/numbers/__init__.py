"""How the numbering plan was made that ``sentinel_batch.numbers`` reads numbers by."""
