"""What a file's first rows show of how it is read: columns, fields, calls as they would be stored."""
