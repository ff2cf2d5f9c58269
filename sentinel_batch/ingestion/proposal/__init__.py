"""A dialect for a file: what is recognised, what comes near, and a TOML file to go on from."""
