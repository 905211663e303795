# Shared by the scripts here: say what happens, fail clearly. Sourced by bash.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

# Tells what is being done, with the seconds since the script began.
say() { printf '%4ds  %s\n' $((SECONDS - started)) "$*" >&2; }

# Ends the script with what is wrong and what to do about it.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Runs a command quietly; shows the end of what it said when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
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
