from .fetching import Fetched as Fetched
from .fetching import fetch_files as fetch_files
