"""Where in a TOML file something stands: the library that reads the file does not say."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w.-]+)\s*=")
_LONG = re.compile(r'"""|\'\'\'')


def find_line(text: str, table: str = "", key: str = "", number: int = 0) -> int:
    """Return the line of a key, or of a table's heading, counted from 1; 1 if it is not found.

    Parameters
    ----------
    text
        The file.
    table
        Name of the table, such as ``parameters.window``; empty for the keys above all tables.
    key
        Key in it; empty for the heading.
    number
        Which of the tables of that name, from 0, where it is repeated (``[[severity]]``).
    """
    current, seen, closing = "", 0, ""
    for line, content in enumerate(text.splitlines(), 1):
        if closing:
            closing = "" if closing in content else closing
            continue
        heading, found = _TABLE.match(content), _KEY.match(content)
        if heading is not None:
            seen += heading[1] == table
            current = heading[1]
            if not key and current == table and seen == number + 1:
                return line
        elif found is not None and found[1] == key and current == table and seen in (0, number + 1):
            return line
        opened = _LONG.findall(content)
        closing = opened[-1] if len(opened) % 2 else ""
    return 1
