from .alerting import describe_boxes as describe_boxes
from .finding import find_boxes as find_boxes
from .queries import BoxFile as BoxFile
from .queries import get_box as get_box
from .queries import list_boxes as list_boxes
from .recording import BoxChanges as BoxChanges
from .recording import record_boxes as record_boxes
from .result import Boxes as Boxes
