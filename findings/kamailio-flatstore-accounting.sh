#!/usr/bin/env bash
# Kamailio: accounting to flat files tears calls apart, moves failed ones in time, and forgets whom a busy one was for.
#
# Guess:   acc with db_flatstore writes one file acc and one file cdrs; the INVITE and BYE rows of a call follow each
#          other there, time is when the call was made, and cdr_extra's callee=$rU holds the callee of every call.
# Instead: There is one pair of files for each worker process (acc_1.log, acc_129.log, acc_130.log ...), and a call's
#          messages go to whichever worker is free: of 20 calls INVITE and BYE of most lie in different files. A failed
#          call is stamped when it failed: the callee that never answered is 3 s (the timer) later in acc than in cdrs.
#          In cdrs a busy call has an empty callee, as if $rU were read from the 486, which has no request URI; and
#          start and end are whole seconds beside a duration of milliseconds (1795919781|1795919783|1.404000).
# Bites:   Whoever pairs INVITE and BYE file by file: most calls never end. Whoever counts destinations: failed calls,
#          the mark of scanning and of Wangiri, have no callee or another time in each of the two tables.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"
if ! apt-get -qq download kamailio 2>/dev/null; then
    echo "skipped: needs Debian's package kamailio (apt-get update as root, then again)"
    exit 0
fi
dpkg -x kamailio_*.deb unpacked
libraries=$work/unpacked/usr/lib/x86_64-linux-gnu/kamailio
export LD_LIBRARY_PATH=$libraries
unpacked/usr/sbin/kamailio -v | head -1
read -r proxy callee < <(python3 -c '
import socket
ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for end in ends: end.bind(("127.0.0.1", 0))
print(*(end.getsockname()[1] for end in ends))')

mkdir files
cat >kamailio.cfg <<CONFIGURATION
#!KAMAILIO
debug=1
log_stderror=yes
children=4
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:$proxy
mpath="$libraries/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "dialog.so"
loadmodule "db_flatstore.so"
loadmodule "acc.so"
modparam("tm", "fr_timer", 3000)
modparam("acc", "db_url", "flatstore:$work/files")
modparam("acc", "db_flag", 1)
modparam("acc", "failed_transaction_flag", 2)
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdrs_table", "cdrs")
modparam("acc", "cdr_extra", "callee=\$rU")
request_route {
    if (is_method("INVITE|BYE")) { setflag(1); setflag(2); }
    if (has_totag()) { loose_route(); t_relay(); exit; }
    if (is_method("INVITE")) { dlg_manage(); record_route(); }
    \$du = "sip:127.0.0.1:$callee";
    t_relay();
}
CONFIGURATION
unpacked/usr/sbin/kamailio -f kamailio.cfg -DD -E -Y "$work" >log 2>&1 &
sleep 2
if ! kill -0 $!; then
    tail -5 log
    exit 1
fi

python3 - "$proxy" "$callee" <<'PY'
"""A caller and a callee who speak just enough SIP over UDP: 20 calls of 1.4 s, one busy, one never answered."""

import re
import socket
import sys
import threading
import time

proxy, callee_port = ("127.0.0.1", int(sys.argv[1])), int(sys.argv[2])


def headers(message, name):
    return re.findall(rf"(?m)^({name}:.*?)\r$", message)


def open_socket(port=0):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", port))
    end.settimeout(10)
    return end


def answer_calls(end):
    while True:
        data, sender = end.recvfrom(65535)
        message = data.decode()
        method, uri, _ = message.split("\r\n")[0].split()
        if method == "ACK" or "2348050000408" in uri:
            continue
        status = "486 Busy Here" if "2348050000486" in uri else "200 OK"
        to = headers(message, "To")[0]
        lines = [f"SIP/2.0 {status}", *headers(message, "Via"), *headers(message, "Record-Route")]
        lines += [*headers(message, "From"), to if ";tag=" in to else f"{to};tag=callee", *headers(message, "Call-ID")]
        lines += [*headers(message, "CSeq"), f"Contact: <{uri.split('@')[0]}@127.0.0.1:{callee_port}>"]
        end.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), sender)


def call(number, call_id):
    end = open_socket()
    port = end.getsockname()[1]

    def send(method, uri, sequence, to, route=()):
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call_id}{method}"]
        lines += [f"From: <sip:2348031234567@127.0.0.1>;tag=c{call_id}", to, f"Call-ID: call-{call_id}"]
        lines += [f"CSeq: {sequence} {method}", f"Contact: <sip:caller@127.0.0.1:{port}>", "Max-Forwards: 70", *route]
        end.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), proxy)

    send("INVITE", f"sip:{number}@127.0.0.1:{proxy[1]}", 1, f"To: <sip:{number}@127.0.0.1>")
    status = 100
    while status < 200:
        message = end.recvfrom(65535)[0].decode()
        status = int(message[8:11])
    if status == 200:
        uri = headers(message, "Contact")[0].split("<")[1].rstrip(">")
        route = [line.replace("Record-Route", "Route") for line in reversed(headers(message, "Record-Route"))]
        send("ACK", uri, 1, headers(message, "To")[0], route)
        time.sleep(1.4)
        send("BYE", uri, 2, headers(message, "To")[0], route)
        end.recvfrom(65535)


end = open_socket(callee_port)
end.settimeout(None)
threading.Thread(target=answer_calls, args=(end,), daemon=True).start()
numbers = [f"23480512340{n:02d}" for n in range(20)] + ["2348050000486", "2348050000408"]
calls = [threading.Thread(target=call, args=(number, call_id)) for call_id, number in enumerate(numbers)]
for one in calls:
    one.start()
    time.sleep(0.05)
for one in calls:
    one.join()
PY
sleep 1
kill %1
wait

python3 - files <<'PY'
import sys
from pathlib import Path

acc, cdrs = {}, []
for path in sorted(Path(sys.argv[1]).iterdir()):
    rows = [line.split("|") for line in path.read_text().splitlines()]
    print(path.name, len(rows), "rows")
    if path.name.startswith("acc"):
        acc |= {(row[3], row[0]): (path.name, row[4], int(row[6])) for row in rows}
    else:
        cdrs += rows
ended = {call_id for call_id, method in acc if method == "BYE"}
torn = [call_id for call_id in ended if acc[call_id, "BYE"][0] != acc[call_id, "INVITE"][0]]
print(f"{len(torn)} of {len(ended)} calls have INVITE and BYE in different files")
(_, busy, _), (_, unanswered, failed_at) = acc["call-20", "INVITE"], acc["call-21", "INVITE"]
failed = [row for row in cdrs if float(row[2]) == 0]
print("cdrs of the two failed calls:", failed, "; acc of the unanswered one:", unanswered, failed_at)
assert len(ended) == 20 and len(torn) >= 5 and (busy, unanswered) == ("486", "408"), (ended, torn, busy, unanswered)
assert sorted(row[3] for row in failed) == ["", "2348050000408"], failed
began_at = next(int(row[0]) for row in failed if row[3])
assert 2 <= failed_at - began_at <= 5, (began_at, failed_at)
answered = [row for row in cdrs if float(row[2])]
print("cdrs of an answered call:", "|".join(answered[0]))
assert all(1.3 < float(row[2]) < 1.9 for row in answered)
assert {int(row[1]) - int(row[0]) for row in answered} == {1, 2}, answered
PY
