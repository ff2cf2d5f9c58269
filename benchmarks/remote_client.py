"""What the client of a remote scorer costs a call: ``python -m benchmarks.remote_client [--calls 1000]``.

A bare socket, bare ``requests.post``, the client and the protected client take turns, call by call, at a server on
loopback that reads the file and answers at once; each sends the same recording with the same metadata. The overhead is
what a call takes beyond the socket's. Writes ``benchmarks/results/remote_client.json``, and ends with 1 if a figure is
beyond its limit: 1.5 times the bare call, and 3 ms of overhead.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from audio_batch.remote import SonotheiaClient, SonotheiaClientEnhanced

KEY = "benchmark"
ANSWER = json.dumps({"score": 0.1, "label": "likely_real", "latency_ms": 0, "session_id": "s"}).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
RESULT = Path(__file__).parent / "results" / "remote_client.json"
HIGHEST_RATIO, HIGHEST_MILLISECONDS = 1.5, 3.0


def answer(connection: socket.socket) -> None:
    """Read requests of a connection by their length, and answer each at once."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                if not (piece := connection.recv(1 << 16)):
                    return
                rest += piece
            head, _, body = rest.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(1 << 16)
            connection.sendall(REPLY)
            rest = body[length:]


def serve() -> str:
    """Serve in threads of this process until it ends; returns the address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def measure(call: Callable[[], object]) -> float:
    """Return the milliseconds of a call."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def make_null(url: str, path: Path) -> Callable[[], object]:
    """Return what sends as many bytes over a kept socket, and reads the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send() -> None:
        body = path.read_bytes()
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.sendall(body)
        left = len(REPLY)
        while left:
            left -= len(connection.recv(left))

    return send


def make_calls(url: str, path: Path) -> dict[str, Callable[[], object]]:
    """Return what takes turns, by name."""
    metadata = {"session_id": "s", "channel": "web"}
    plain, enhanced = SonotheiaClient(KEY, url), SonotheiaClientEnhanced(KEY, url, rate_limit_rps=1e6)
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}

    def post(sender: Callable[..., requests.Response]) -> object:
        with path.open("rb") as file:
            files = {"audio": (path.name, file, "audio/wav")}
            data = {"metadata": json.dumps(metadata)}
            response = sender(f"{url}/v1/voice/deepfake", headers=headers, files=files, data=data, timeout=30)
        return response.json()

    session = requests.Session()
    return {
        "bare socket": make_null(url, path),
        "requests.post": lambda: post(requests.post),
        "requests.Session.post": lambda: post(session.post),
        "SonotheiaClient": lambda: plain.detect_deepfake(path, metadata),
        "SonotheiaClientEnhanced": lambda: enhanced.detect_deepfake(path, metadata),
    }


def main() -> int:
    """Measure, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--kilobytes", type=int, default=480, help="of the recording: 30 s at 8 kHz, 16 bit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        path.write_bytes(bytes(options.kilobytes * 1000))
        calls = make_calls(serve(), path)
        turns = [{name: measure(call) for name, call in calls.items()} for _ in range(options.calls)][20:]
    medians = {name: statistics.median(turn[name] for turn in turns) for name in calls}
    ratios = {name: medians[name] / medians["requests.post"] for name in calls}
    overheads = {name: medians[name] - medians["bare socket"] for name in calls}
    facts = {"calls": len(turns), "milliseconds": medians, "overhead": overheads, "ratio": ratios}
    RESULT.write_text(json.dumps(facts, indent=2) + "\n")
    for name in calls:
        print(f"{name:26} {medians[name]:6.3f} ms, {overheads[name]:.3f} over; {ratios[name]:.2f} of requests.post")
    ours = ("SonotheiaClient", "SonotheiaClientEnhanced")
    good = all(ratios[name] <= HIGHEST_RATIO and overheads[name] < HIGHEST_MILLISECONDS for name in ours)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
