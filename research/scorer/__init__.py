"""Training of the shipped spoof scorer, beyond what ``sentinel-batch audio train`` does."""
