# Asterisk 16.28 of Debian 11, unpacked into $work and run from there with a configuration of its own. Sourced by
# asterisk-*.sh; nothing is installed, and no port is opened.

unpacked=$work/unpacked

skip() {
    echo "skipped: $*"
    exit 0
}

# Download the package and what it needs beside what is installed, from the archive that apt-get uses, into $unpacked.
unpack_asterisk() {
    command -v apt-get >/dev/null || skip "needs apt-get"
    local archive
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/*$') || true
    [ -n "$archive" ] || skip "needs an archive of Debian among apt's sources"
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$unpacked"
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] $archive bullseye main" >"$work/apt/sources.list"
    local apt=(apt-get -qq -o Debug::NoLocking=1 -o Dir::Etc::SourceList="$work/apt/sources.list"
        -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache")
    "${apt[@]}" update >"$work/apt/log" 2>&1 || skip "the archive has no Debian 11 (bullseye)"
    "${apt[@]}" install --yes --download-only --no-install-recommends asterisk >>"$work/apt/log" 2>&1 ||
        skip "the archive has no asterisk for Debian 11"
    for package in "$work"/apt/cache/archives/*.deb; do
        dpkg -x "$package" "$unpacked"
    done
    export LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu:$unpacked/usr/lib
    "$unpacked/usr/sbin/asterisk" -V
}

# Write a configuration with the modules named beside those that each call needs.
configure_asterisk() {
    mkdir -p "$work"/etc "$work"/var/{lib,spool,keys,agi,run,log/cdr-csv,log/cdr-custom}
    cat >"$work/etc/asterisk.conf" <<CONFIGURATION
[directories]
astetcdir => $work/etc
astmoddir => $unpacked/usr/lib/asterisk/modules
astvarlibdir => $work/var/lib
astdbdir => $work/var/lib
astkeydir => $work/var/keys
astdatadir => $unpacked/usr/share/asterisk
astagidir => $work/var/agi
astspooldir => $work/var/spool
astrundir => $work/var/run
astlogdir => $work/var/log
CONFIGURATION
    {
        printf '[modules]\nautoload=no\n'
        printf 'load=%s.so\n' pbx_config res_timing_timerfd res_clioriginate bridge_simple "$@"
    } >"$work/etc/modules.conf"
    printf '[logfiles]\nmessages => warning,error\n' >"$work/etc/logger.conf"
}

# Run Asterisk, by the command given before it if there is one, until it answers.
start_asterisk() {
    "$@" "$unpacked/usr/sbin/asterisk" -C "$work/etc/asterisk.conf" -f >"$work/var/log/console" 2>&1 &
    for _ in $(seq 100); do
        tell_asterisk "core waitfullybooted" 2>/dev/null | grep -q "fully booted" && return
        sleep 0.2
    done
    tail -20 "$work/var/log/console"
    return 1
}

tell_asterisk() {
    "$unpacked/usr/sbin/asterisk" -C "$work/etc/asterisk.conf" -rx "$1"
}

stop_asterisk() {
    tell_asterisk "core stop now" >/dev/null 2>&1 || true
    wait
}
