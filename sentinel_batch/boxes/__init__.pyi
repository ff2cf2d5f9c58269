from .finding import find_boxes as find_boxes
from .result import Boxes as Boxes
