from .aggregation import aggregate_scores as aggregate_scores
from .aggregation import find_suspicious_spans as find_suspicious_spans
from .evaluation import evaluate_model as evaluate_model
from .model import load_model as load_model
from .recalibration import calibrate_model as calibrate_model
from .scorer import score as score
from .scorer import score_signal as score_signal
from .training import train_model as train_model
