from .dialect import Dialect as Dialect
from .dialect import list_dialects as list_dialects
from .dialect import load_dialect as load_dialect
from .loading import ingest as ingest
from .result import FileResult as FileResult
from .result import IngestResult as IngestResult
