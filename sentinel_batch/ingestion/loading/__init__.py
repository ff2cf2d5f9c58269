"""Files into the lake: staged, freed of duplicates and legs, committed."""
