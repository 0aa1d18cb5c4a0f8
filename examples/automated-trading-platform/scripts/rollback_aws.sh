#!/usr/bin/env bash
# bash scripts/rollback_aws.sh [SHA]: goes back to that commit, full or short, or to the last good release before this one.
# What the playbook's script of this name did, by `dbc`; see deploy_aws.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
temporal=(--embedded)
[ -z "${TEMPORAL_ADDRESS:-}" ] || temporal=()
exec "${DBC:-dbc}" rollback "${temporal[@]}" -- "${DBC_TARGET:-production}" ${1:+"$1"}
