from .activity import SpeechStream as SpeechStream
from .activity import detect_speech as detect_speech
from .grid import keep_decisions as keep_decisions
from .roles import parse_channel_roles as parse_channel_roles
from .segments import Segment as Segment
from .segments import cut_segments as cut_segments
