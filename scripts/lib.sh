# What the scripts share. Sourced by bash; `root` is set to the checkout. Everything said goes to stderr, so that a
# command's own output stays clean.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
venv=$root/.venv
stamp=$venv/.edgewise

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# The newest suitable Python, tried by running it: a version manager's shim may exist and still fail.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "Python 3.11 or newer (to 3.14) is needed. On Debian, Ubuntu and Raspberry Pi OS:" \
        "sudo apt-get install python3 python3-venv"
}

# ensure_venv EXTRA...: .venv with the product and at least these extras. Costs nothing when it is already so.
ensure_venv() {
    is_installed "$@" && return
    mkdir -p "$venv" 2>/dev/null || die "Can't write $venv. Use a checkout that belongs to you."
    [ -w "$venv" ] || die "Can't write $venv. Use a checkout that belongs to you."
    (
        # One installation at a time; whoever waited finds it done.
        if ! flock -n 9; then
            say "Another installation is running; waiting for it."
            flock 9
        fi
        is_installed "$@" || install "$@"
    ) 9>"$venv/.lock"
}

# The stamp holds pyproject.toml as it was installed, where, and with which extras.
is_installed() {
    [ -e "$stamp/done" ] && cmp -s "$root/pyproject.toml" "$stamp/pyproject.toml" || return 1
    local place installed extra
    { read -r place && read -r installed; } <"$stamp/done" || return 1
    [ "$place" = "$root" ] || return 1
    for extra in "$@"; do
        [[ ",$installed," == *",$extra,"* ]] || return 1
    done
}

install() {
    local python extras place="$root" installed=
    if [ -e "$stamp/done" ]; then
        { read -r place && read -r installed; } <"$stamp/done" || true
    fi
    # An interrupted installation, a checkout that was moved, or a Python that is gone: begin again.
    if [ -e "$stamp/installing" ] || [ "$place" != "$root" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        installed=
        python=$(find_python)
        "$python" -c 'import venv, ensurepip' 2>/dev/null ||
            die "Python's venv module is missing. On Debian, Ubuntu and Raspberry Pi OS:" \
                "sudo apt-get install python3-venv"
        find "$venv" -mindepth 1 -maxdepth 1 ! -name .lock -exec rm -rf {} +
        mkdir -p "$stamp" && : >"$stamp/installing"
        "$python" -m venv "$venv" >&2
    fi
    mkdir -p "$stamp" && : >"$stamp/installing"
    rm -f "$stamp/done"
    extras=$(printf '%s\n' "$@" "${installed//,/$'\n'}" | sed '/^$/d' | sort -u | paste -sd, -)
    say "Installing Edgewise into $venv (once; some minutes on a small board)."
    local quiet=(--quiet)
    [ -t 2 ] && quiet=()
    local code=0
    (cd "$root" && "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
        ${quiet[@]+"${quiet[@]}"} --editable ".[$extras]" >&2) || code=$?
    if [ $code -ne 0 ]; then
        # Unless it was killed, pip tidied up: what was there is still usable.
        [ $code -ge 128 ] || rm -f "$stamp/installing"
        die "The installation failed; see above. Run the same command again when it is mended."
    fi
    cp "$root/pyproject.toml" "$stamp/pyproject.toml"
    printf '%s\n%s\n' "$root" "$extras" >"$stamp/done"
    rm -f "$stamp/installing"
}

# Ids of the models that a plain `assistant models fetch` gets.
default_models() {
    awk '/^\[models\./ { gsub(/^\[models\.|"|\]$/, ""); id = $0 } /^default = true/ { print id }' \
        "$root/models/manifest.toml"
}

# models_here ID...: each was fetched and verified once. The program checks the files themselves at every start.
models_here() {
    local dir=${EDGEWISE_MODELS_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/edgewise/models} id
    for id in "$@"; do
        [ -s "$dir/.stamps/$id.json" ] && [ -d "$dir/$id" ] || return 1
    done
}

# ensure_models ID...: fetch what isn't here.
ensure_models() {
    models_here "$@" && return
    say "Fetching models (once)."
    "$venv/bin/assistant" models fetch "$@" >&2 || die "The models could not be fetched; see above."
}

has_portaudio() {
    local libraries
    libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) && [[ $libraries == *libportaudio.so.2* ]]
}
