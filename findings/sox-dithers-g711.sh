#!/usr/bin/env bash
# sox: converting to G.711 puts noise where the line was digitally silent.
#
# Guess:   A recording of 16 bits whose pause is exactly zero becomes mu-law or A-law with a pause of one constant byte:
#          zero has a code, so nothing needs to be rounded.
# Instead: sox counts G.711 as a reduction of the word length and adds dither of its own accord: a quarter of the bytes
#          of a silent second in mu-law are not silence any more (0x7E and 0xFE among 0xFF), and A-law's flip between
#          its two zeros. With -D, which switches dither off, all 8,000 bytes are equal.
# Bites:   Everything that looks at silence: holes of packet loss, muted channels and spliced pauses (exact zeros) are
#          gone after one conversion, and noise floors measured on it are sox's.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install_sox() {
    [ "$(id -u)" = 0 ] && { apt-get -qq update && apt-get -qq install --yes sox; } >"$work/apt" 2>&1
}
if ! command -v sox >/dev/null && ! install_sox; then
    echo "skipped: needs Debian's package sox"
    exit 0
fi
sox --version
cd "$work"
sox -n -r 8000 -c 1 -b 16 silence.wav trim 0 1

for law in ul al; do
    sox silence.wav -t "$law" "dithered.$law"
    sox -D silence.wav -t "$law" "plain.$law"
done
python3 - <<'PY'
from collections import Counter
from pathlib import Path

noisy = {}
for law, zeros in (("ul", {0xFF, 0x7F}), ("al", {0xD5, 0x55})):
    dithered, plain = (Counter(Path(f"{name}.{law}").read_bytes()) for name in ("dithered", "plain"))
    common = [(f"0x{byte:02X}", count) for byte, count in dithered.most_common(4)]
    print(f"{law}: sox {common}; sox -D {[(f'0x{byte:02X}', count) for byte, count in plain.items()]}")
    noisy[law] = sum(count for byte, count in dithered.items() if byte not in zeros) / 8000
    assert len(plain) == 1 and sum(plain.values()) == 8000, plain
    assert len(dithered) > 1, dithered
assert 0.1 < noisy["ul"] < 0.5, noisy
PY
