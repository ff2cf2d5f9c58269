"""What both engines stand on: reported errors, plain JSON values, hashes, files replaced whole, suggestions.

It imports neither `audio_batch` nor `sentinel_batch`, and nothing that is slow to load.
"""
