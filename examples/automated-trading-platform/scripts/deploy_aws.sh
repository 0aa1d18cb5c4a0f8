#!/usr/bin/env bash
# bash scripts/deploy_aws.sh [SHA]: deploys the newest commit of main, or that one. What the playbook's script of this name
# did, by `dbc`; for where dbc and the SSH key are (or with TEMPORAL_ADDRESS set, for anywhere), not for the host.
set -euo pipefail
cd "$(dirname "$0")/.."
temporal=(--embedded)
[ -z "${TEMPORAL_ADDRESS:-}" ] || temporal=()
exec "${DBC:-dbc}" deploy "${temporal[@]}" ${1:+"--commit=$1"} -- "${DBC_TARGET:-production}"
