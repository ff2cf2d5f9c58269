from .dialects.catalogue import list_dialects as list_dialects
from .dialects.catalogue import load_dialect as load_dialect
from .dialects.dialect import Dialect as Dialect
from .loading.run import ingest as ingest
from .result import FileResult as FileResult
from .result import IngestResult as IngestResult
