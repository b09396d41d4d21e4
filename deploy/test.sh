#!/usr/bin/env bash
# Runs the test tiers, times each, and goes on after a failure so that one run shows all of them.
# Usage: deploy/test.sh all | lint | unit | component | integration | e2e | scan
set -u
cd "$(dirname "$0")/.."
bin=$(realpath "${VENV:-.venv}")/bin
export PATH=$bin:$PATH
failed=()
timings=()

step() {
  local name=$1 started=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then timings+=("ok    $((SECONDS - started)) s  $name")
  else failed+=("$name"); timings+=("FAIL  $((SECONDS - started)) s  $name"); fi
}

# Two workers, for the cores that CI has; what keeps both busy by itself, or measures times, runs alone.
covered() { coverage run -m pytest -q -n 2 "$@"; }
alone() { coverage run -m pytest -q "$@"; }

lint() {
  step "ruff" ruff check .
  step "format" ruff format --check .
  step "types" mypy
  step "import layers" lint-imports --no-cache
  step "spelling" codespell
  step "docs" sphinx-build -W --keep-going -q -b html docs docs/_build/html
}

unit() {
  step "helm" paceline local binaries helm
  step "unit" covered -m "not slow" tests/unit tests/golden tests/conventions tests/charts tests/docs
}
component() {
  step "llama-server" paceline local binaries llama-server
  step "postgresql" postgresql
  step "component" covered -m "not slow" tests/component --ignore=tests/component/fetch
  step "fetch" covered -m "not slow" tests/component/fetch
  step "envoy" paceline local binaries envoy
  step "on Envoy" covered tests/envoy
  step "planted bugs" pytest -q tests/mutations
}
integration() {
  local crowds=(tests/integration/examiner tests/integration/acto tests/integration/test_bad_input.py)
  built
  step "integration" covered --dist loadfile tests/integration "${crowds[@]/#/--ignore=}"
  step "integration, many at a time" alone "${crowds[@]}"
}
e2e() { built; step "e2e" pytest -q tests/e2e; }
scan() { step "scan" pytest -q tests/scan; }

# The ledger's tests start a server of their own; one that the package starts would only be in the way.
postgresql() {
  local config=/etc/postgresql-common/createcluster.d
  ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "PostgreSQL is not installed, so the ledger is tested on SQLite only (Debian and Ubuntu: apt-get install postgresql)"
    return 0
  fi
  mkdir -p "$config" && echo "create_main_cluster = false" > "$config/paceline.conf" && apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

# Building takes minutes on a machine that has never done it, so no test's time limit should meet it.
built() { step "cluster binaries and image" built_all; }
built_all() { paceline local binaries && paceline local images && paceline local images --engine llama-cpp; }

measured() {
  coverage combine -q
  coverage report --skip-covered --sort=cover --fail-under=90 &&
    coverage report --skip-covered --fail-under=100 \
      --include='*/paceline/api/*,*/paceline/stats/*,*/paceline/engines/*,*/paceline/decide/*,*/paceline/render/*,*/paceline/gateway/*,*/paceline/sim/*'
}

tiers=("$@")
[ "$1" != all ] || tiers=(lint unit component integration e2e scan)
rm -f .coverage .coverage.*
for tier in "${tiers[@]}"; do "$tier"; done
[ "$1" != all ] || step "coverage" measured

printf '\n=== summary (%s s)\n' "$SECONDS"
printf '%s\n' "${timings[@]}"
if [ ${#failed[@]} -gt 0 ]; then printf 'failed: %s\n' "${failed[*]}"; exit 1; fi
