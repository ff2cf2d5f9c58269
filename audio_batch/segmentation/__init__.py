"""Where there is speech, and the stretches of it that are analysed one by one."""

from audio_batch.segmentation.activity import detect_speech
from audio_batch.segmentation.roles import parse_channel_roles
from audio_batch.segmentation.segments import Segment, cut_segments

__all__ = ["Segment", "cut_segments", "detect_speech", "parse_channel_roles"]
