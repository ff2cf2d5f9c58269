from .configuration import SarConfig as SarConfig
from .configuration import load_sar_config as load_sar_config
from .draft import SarDraft as SarDraft
from .draft import draft_sar as draft_sar
from .narrative import DEEPFAKE_KEY_TERM as DEEPFAKE_KEY_TERM
from .record import MissingField as MissingField
