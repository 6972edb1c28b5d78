#!/bin/bash
# The short form of the soak.
set -euo pipefail
GAP=${GAP:-1500} exec "$(dirname "$0")/soak" "${SOAK:-20}"
