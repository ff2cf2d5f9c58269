"""Training of the shipped spoof scorer, beyond what ``sentinel-batch audio scorer train`` does."""
