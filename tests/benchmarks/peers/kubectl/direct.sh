#!/usr/bin/env bash
# Imports members into a KubeSphere host by direct connection; common.sh has the arguments.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

# Refuses what KubeSphere's validation API would refuse of a kubeconfig.
check_kubeconfig() {
  local name=$1 flat=$2
  case $(field server <<<"$flat") in
    *//127.* | *//localhost* | *//lb.kubesphere.local*) fail "$name" "the host cannot reach its server" ;;
  esac
  ! grep -qE '^ *(exec|auth-provider):' <<<"$flat" || fail "$name" "its credential comes from a plugin"
  field client-certificate-data <<<"$flat" | base64 -d | openssl x509 -checkend 0 >/dev/null ||
    fail "$name" "its client certificate has expired"
}

import_directly() {
  local name kubeconfig region group provider uid known flat
  IFS=$'\t' read -r name kubeconfig region group provider <<<"$1"
  uid=$(kubectl --kubeconfig "$kubeconfig" get namespace kube-system -o 'jsonpath={.metadata.uid}')
  flat=$(kubectl --kubeconfig "$kubeconfig" config view --raw --flatten --minify)
  known=$(known_member "$name" "$uid" direct)
  if [ -z "$known" ]; then
    check_new_member "$name" "$kubeconfig" "$uid"
    check_kubeconfig "$name" "$flat"
  fi
  printf '    type: direct\n    kubeconfig: %s\n' "$(base64 -w0 <<<"$flat")" |
    manifest "$name" "$region" "$group" "$provider" | host apply -f -
  host wait --for=condition=Ready --timeout=300s "$CLUSTERS/$name"
  use_through_host "$name"
}

export -f check_kubeconfig
import_members import_directly
