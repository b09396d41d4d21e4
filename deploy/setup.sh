#!/usr/bin/env bash
# Makes the virtual environment from the hash-locked requirements; does nothing when it is up to date.
# Usage: deploy/setup.sh VENV
set -eu
cd "$(dirname "$0")/.."
venv=$1
stamp=$venv/.made-from
want=$(cat requirements/dev.txt pyproject.toml | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || exit 0

fail() { echo "make setup: $*" >&2; exit 1; }

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local each
  for each in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [ -n "$each" ] && command -v "$each" >/dev/null && usable "$each"; then echo "$each"; return; fi
  done
}

debian_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || return 1
  echo "installing $*"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python=$(find_python)
if [ -z "$python" ]; then
  debian_install python3 python3-venv || fail "Python 3.11 or newer is needed; install it, or name it with PYTHON=..."
  python=$(find_python)
  [ -n "$python" ] || fail "the distribution's Python is older than 3.11; install a newer one and name it with PYTHON=..."
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  debian_install python3-venv || fail "$python lacks the venv module; install it (Debian and Ubuntu: apt-get install python3-venv)"
fi

echo "making $venv with $("$python" --version)"
[ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
echo "$want" > "$stamp"
