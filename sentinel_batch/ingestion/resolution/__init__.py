"""What a file's layout leaves open (columns, units, the zone, who is who), settled from its first rows and said."""
