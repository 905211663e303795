# shellcheck shell=bash
# Shared by the scripts here: say what happens, fail clearly. Sourced by bash.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS
export EUCALYPTUS=${EUCALYPTUS:-/opt/eucalyptus}

# Tells what is being done, with the seconds since the script began.
say() { printf '%4ds  %s\n' $((SECONDS - started)) "$*" >&2; }

# Ends the script with what is wrong and what to do about it.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Runs a command quietly; shows the end of what it said when it fails. While it runs for long it
# says so.
quietly() {
    local log pid since=$SECONDS told=$SECONDS
    log=$(mktemp)
    "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        if ((SECONDS - told >= 10)); then
            say "... $(basename "$1") has worked for $((SECONDS - since)) s"
            told=$SECONDS
        fi
        sleep 0.1
    done
    if ! wait $pid; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "failed: $*"
    fi
    rm -f "$log"
}

# Waits until a command succeeds: wait_until SECONDS WHAT COMMAND...
wait_until() {
    local limit=$1 what=$2 since=$SECONDS told=$SECONDS
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS - since < limit)) || return 1
        if ((SECONDS - told >= 5)); then
            say "... still waiting for $what ($((SECONDS - since)) s)"
            told=$SECONDS
        fi
        sleep 0.2
    done
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo env "PATH=$PATH" "EUCALYPTUS=$EUCALYPTUS" "$@"
    else
        die "$(basename "$1") must run as root and there is no sudo here; become root and try again"
    fi
}

# Runs a command as the person who called: below sudo, cargo's cache and target/ stay theirs.
as_caller() {
    if [ "$(id -u)" != 0 ] || [ "${SUDO_USER:-root}" = root ]; then
        env "PATH=$PATH:$HOME/.cargo/bin" "$@"
        return
    fi
    local home
    home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
    runuser -u "$SUDO_USER" -- env "HOME=$home" "PATH=$PATH:$home/.cargo/bin" "$@"
}
