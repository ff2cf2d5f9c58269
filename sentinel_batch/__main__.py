"""``python -m sentinel_batch`` is the command line."""

from sentinel_batch.cli import main

if __name__ == "__main__":
    main()
