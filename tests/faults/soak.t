#!/bin/bash
# The short form of the soak.
GAP=${GAP:-1500} exec "$(dirname "$0")/soak" "${SOAK:-20}"
