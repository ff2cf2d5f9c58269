"""How the shipped models and samples were made; not part of the program, see ``README.md``."""
