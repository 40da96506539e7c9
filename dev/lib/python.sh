# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Functions for the Python parts: the interpreter, virtual environments, checks, and locking of requirements.
# shellcheck source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PYTHON_NEEDED="Python 3.11 to 3.13 with its venv module (Debian: apt-get install python3 python3-venv)"

# find_python: prints the name of a suitable interpreter.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3; do
    "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null &&
      { echo "$candidate"; return; }
  done
  return 1
}

# make_environment NAME LOCKS: sets `environment` to a Python virtual environment with the locked requirements of the
# current folder. It is in the cache under the name, one for each set of locked requirements and Python version. LOCKS
# are additional lists of source packages, which are built with the packages from requirements/test.txt.
make_environment() {
  local name=$1 locks=$2 python key lock list pip
  python=$(find_python) || die "$name needs $PYTHON_NEEDED"
  # shellcheck disable=SC2086
  key=$({ "$python" -VV && (cd requirements && cat $locks test.txt); } | sha256sum | cut -c1-16)
  environment=$CACHE/$name/$key
  mkdir -p "$CACHE/$name"
  exec {lock}>"$environment.guard"
  flock -w 600 "$lock"
  if [[ ! -e $environment/complete ]]; then
    say "$name: creating a virtual environment, $("$python" -V)"
    rm -rf "$environment"
    "$python" -m venv "$environment"
    pip=("$environment/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes --no-deps)
    "${pip[@]}" --only-binary :all: -r requirements/test.txt
    for list in $locks; do
      "${pip[@]}" --no-build-isolation --use-pep517 -r "requirements/$list"
    done
    touch "$environment/complete"
  fi
  exec {lock}>&-
}

# check_python NAME LOCKS ARGUMENT...: formatter, linter and tests of the current folder in the environment that
# make_environment makes; the arguments go to pytest.
check_python() {
  local environment
  make_environment "$1" "$2"
  shift 2
  export PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=$environment/hypothesis
  "$environment/bin/ruff" format --no-cache --quiet --check .
  "$environment/bin/ruff" check --no-cache --quiet .
  exec "$environment/bin/python" -m pytest -p no:cacheprovider -q --durations=5 "$@"
}

# lock_requirements NAME OPTION...: locks NAME.in into NAME.txt in the current folder, for Python 3.11 and later.
# Requires uv in PATH.
lock_requirements() {
  local name=$1
  shift
  {
    printf '# Copyright The luigi-operator authors\n# SPDX-License-Identifier: Apache-2.0\n'
    printf '# Made by requirements/update from %s.in\n' "$name"
    uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header \
      --no-emit-index-url --no-emit-find-links --no-annotate "$@" "$name.in"
  } >"$name.txt.new"
  mv "$name.txt.new" "$name.txt"
}
