from .outcome import NightlyResult as NightlyResult
from .outcome import Step as Step
from .pipeline import run_nightly as run_nightly
