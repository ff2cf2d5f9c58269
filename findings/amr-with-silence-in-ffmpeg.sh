#!/usr/bin/env bash
# FFmpeg, PyAV: an AMR recording with silence compression is decoded to its speech only, or not at all.
#
# Guess:   AMR is the codec of mobile telephony, and discontinuous transmission (in pauses a phone sends a short comfort
#          noise frame now and then) its normal case; FFmpeg reads .amr, so it reads these.
# Instead: FFmpeg's own decoder "amrnb", which is chosen, does not implement it. PyAV stops with PatchWelcomeError at
#          the first pause. A reader that passes over what cannot be decoded keeps 6.3 of 10.0 s: the pauses vanish, and
#          all that follows moves forward. (The program ffmpeg 5.1 of Debian 12 did so with this call, with exit status
#          0.) The decoder of OpenCORE, in the same PyAV wheel under the name "libopencore_amrnb", gives all 10.0 s, but
#          must be asked for. The duration announced, 6.7 s, is an estimate from a bit rate and wrong as well.
# Bites:   Recordings from handsets and mobile cores: times of segments are wrong, talk and silence are not measured,
#          and the durations do not match the call records.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile av==18.1.0 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - 2>notes <<'PY' || { tail -20 notes; exit 1; }
import av
import numpy as np

RATE = 8000
time = np.arange(RATE * 2) / RATE
noise = np.random.default_rng(1).standard_normal(len(time))
speech = 0.15 * np.sin(2 * np.pi * 200 * time) * (1 + np.sin(2 * np.pi * 3 * time)) + 0.01 * noise
pause = np.zeros(RATE * 2)
call = np.concatenate([speech, pause, speech, pause, speech])


def encode(path, discontinuous):
    frame = av.AudioFrame.from_ndarray((call * 32767).astype("int16").reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    with av.open(path, "w", format="amr") as container:
        stream = container.add_stream("libopencore_amrnb", rate=RATE, layout="mono", options={"dtx": discontinuous})
        stream.bit_rate = 12200
        for piece in (frame, None):
            container.mux(stream.encode(piece))


def decode(path, decoder=None):
    """Return the seconds decoded, and the packets that were refused and passed over."""
    samples, refused = 0, 0
    with av.open(path) as container:
        codec = container.streams[0].codec_context
        if decoder:
            codec = av.CodecContext.create(decoder, "r")
            codec.sample_rate, codec.layout = RATE, "mono"
        for packet in container.demux(audio=0):
            try:
                samples += sum(frame.samples for frame in codec.decode(packet if packet.size else None))
            except av.FFmpegError:
                refused += 1
    return round(samples / RATE, 2), refused


print("av", av.__version__, {name: version for name, version in av.library_versions.items() if name == "libavcodec"})
for path, discontinuous in (("plain.amr", "0"), ("pauses.amr", "1")):
    encode(path, discontinuous)
with av.open("pauses.amr") as container:
    announced = round(container.duration / 1e6, 1)
    chosen = container.streams[0].codec_context.name
    try:
        first = sum(frame.samples for frame in container.decode(audio=0))
        raise SystemExit(f"changed: {first} samples without an error")
    except av.FFmpegError as error:
        print("PyAV,", chosen, "->", type(error).__name__, error.strerror)
        assert isinstance(error, av.error.PatchWelcomeError)
seen = {
    "without pauses compressed": decode("plain.amr"),
    "with, amrnb, passing over errors": decode("pauses.amr"),
    "with, libopencore_amrnb": decode("pauses.amr", "libopencore_amrnb"),
}
print("announced", announced, "s;", seen)
assert (chosen, announced) == ("amrnb", 6.7), (chosen, announced)
assert seen["without pauses compressed"] == (10.02, 0) == seen["with, libopencore_amrnb"], seen
assert seen["with, amrnb, passing over errors"] == (6.34, 184), seen
PY
