from .importing import LabelImport as LabelImport
from .importing import import_labels as import_labels
from .queries import LABELS as LABELS
from .queries import list_labels as list_labels
from .queries import read_newest as read_newest
