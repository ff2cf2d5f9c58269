"""Call recordings in the lake: analysed by the voice engine, stored once, joined with calls and alerts."""
