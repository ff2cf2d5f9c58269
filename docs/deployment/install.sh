#!/bin/sh
# Installs a wheel into an empty prefix, with the versions of constraints.txt and without anything that is built there.
# The Dockerfile runs it, and so does whoever installs on a machine of their own: it needs Python 3.11 or newer, and pip.
#
#     install.sh PREFIX WHEEL [EXTRAS]
#
# PYTHON is the Python that the prefix will run on, PIP the one whose pip installs.
set -eu

prefix=$1
wheel=$2
extras=${3:-service}
python=${PYTHON:-python3}
constraints=$(dirname "$0")/../../constraints.txt

"$python" -m venv --without-pip "$prefix"
"${PIP:-$python}" -m pip --python "$prefix/bin/python" install --quiet --disable-pip-version-check --no-cache-dir \
    --only-binary :all: --constraint "$constraints" "${wheel}[$extras]"
cp "$(dirname "$0")/nightly-loop.sh" "$prefix/bin/"
"$prefix/bin/sentinel-batch" --version
