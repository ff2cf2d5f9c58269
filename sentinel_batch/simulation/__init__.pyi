from .generator import MockCDRGenerator as MockCDRGenerator
from .truth import truth_path as truth_path
