#!/usr/bin/env bash
# Imports members into a KubeSphere host by direct connection, with kubectl, openssl and curl.
#
#   import.sh HOST_KUBECONFIG MEMBERS PARALLEL
#
# MEMBERS is a file with one line per member, its fields separated by tabs:
#   name  kubeconfig  region  group  provider
# PARALLEL members are worked on at a time. May be run again at any time.
set -euo pipefail

export HOST_KUBECONFIG=$1
members=$2 parallel=$3

SYSTEM=kubesphere-system
# With the version: without it kubectl reads "cluster" as one, finds none, and discovers all API groups anew.
CLUSTERS=clusters.v1alpha1.cluster.kubesphere.io
KS_APISERVER="/api/v1/namespaces/$SYSTEM/services/:ks-apiserver:80/proxy"
export SYSTEM CLUSTERS KS_APISERVER

fail() {
  echo "$1: $2" >&2
  exit 1
}

host() { kubectl --kubeconfig "$HOST_KUBECONFIG" "$@"; }

configuration() { kubectl --kubeconfig "$1" -n "$SYSTEM" get configmap kubesphere-config -o 'jsonpath={.data.kubesphere\.yaml}'; }

# The value of a key of a YAML document on stdin.
field() { sed -n "s/^ *$1: *\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\} *\$/\\1/p" | head -n 1; }

# Refuses what KubeSphere's validation API would refuse.
check_new_member() {
  local name=$1 kubeconfig=$2 uid=$3 flat=$4 config other
  other=$(awk -F '\t' -v uid="$uid" '$2 == uid { print $1 }' <<<"$KNOWN")
  [ -z "$other" ] || fail "$name" "it is imported already, as $other"
  config=$(configuration "$kubeconfig")
  [ "$(field clusterRole <<<"$config")" = member ] || fail "$name" "KubeSphere does not run here as member"
  [ "$(field jwtSecret <<<"$config")" = "$JWT_SECRET" ] || fail "$name" "its jwtSecret differs from the host's"
  kubectl --kubeconfig "$kubeconfig" get --raw "$KS_APISERVER/kapis/version" >/dev/null ||
    fail "$name" "its ks-apiserver does not answer"
  case $(field server <<<"$flat") in
    *//127.* | *//localhost* | *//lb.kubesphere.local*) fail "$name" "the host cannot reach its server" ;;
  esac
  ! grep -qE '^ *(exec|auth-provider):' <<<"$flat" || fail "$name" "its credential comes from a plugin"
  field client-certificate-data <<<"$flat" | base64 -d | openssl x509 -checkend 0 >/dev/null ||
    fail "$name" "its client certificate has expired"
}

# Refuses to lead an imported Cluster to another cluster.
check_same_member() {
  local name=$1 uid=$2 known=$3 known_uid kind
  IFS=$'\t' read -r _ known_uid kind <<<"$known"
  [ -z "$known_uid" ] || [ "$known_uid" = "$uid" ] || fail "$name" "the Cluster of this name is another cluster"
  [ "$kind" = direct ] || fail "$name" "it is imported by connection $kind"
}

manifest() {
  local name=$1 flat=$2 region=$3 group=$4 provider=$5
  cat <<YAML
apiVersion: cluster.kubesphere.io/v1alpha1
kind: Cluster
metadata:
  name: $name
  labels:
    cluster.kubesphere.io/region: $region
    cluster.kubesphere.io/group: $group
spec:
  connection:
    type: direct
    kubeconfig: $(base64 -w0 <<<"$flat")
  enable: true
  joinFederation: true
  provider: $provider
YAML
}

# Uses the member through the host, which a wrong jwtSecret shows in. kubectl itself cannot send the header.
use_through_host() {
  local name=$1 _
  for _ in $(seq 100); do
    printf 'X-KubeSphere-Authorization: Bearer %s' "$TOKEN" |
      curl -sf -o /dev/null -H @- --unix-socket "$SOCKET" "http://localhost$KS_APISERVER/api/clusters/$name/v1/nodes?limit=1" &&
      return
    sleep 0.2
  done
  fail "$name" "it cannot be used through the host"
}

import_member() {
  set -euo pipefail
  local name kubeconfig region group provider uid known flat
  IFS=$'\t' read -r name kubeconfig region group provider <<<"$1"
  uid=$(kubectl --kubeconfig "$kubeconfig" get namespace kube-system -o 'jsonpath={.metadata.uid}')
  flat=$(kubectl --kubeconfig "$kubeconfig" config view --raw --flatten --minify)
  known=$(awk -F '\t' -v name="$name" '$1 == name' <<<"$KNOWN")
  if [ -n "$known" ]; then
    check_same_member "$name" "$uid" "$known"
  else
    check_new_member "$name" "$kubeconfig" "$uid" "$flat"
  fi
  manifest "$name" "$flat" "$region" "$group" "$provider" | host apply -f -
  host wait --for=condition=Ready --timeout=120s "$CLUSTERS/$name"
  use_through_host "$name"
}

work=$(mktemp -d)
SOCKET=$work/socket
host proxy --unix-socket="$SOCKET" >/dev/null &
trap 'kill $!; rm -rf "$work"' EXIT

JWT_SECRET=$(configuration "$HOST_KUBECONFIG" | field jwtSecret)
TOKEN=$("$(dirname "$0")/../admin-token.sh" <<<"$JWT_SECRET")
KNOWN=$(host get "$CLUSTERS" -o 'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.uid}{"\t"}{.spec.connection.type}{"\n"}{end}')
export SOCKET JWT_SECRET TOKEN KNOWN
export -f fail host configuration field check_new_member check_same_member manifest use_through_host import_member

# shellcheck disable=SC2016  # $1 is the inner shell's
xargs -d '\n' -n 1 -P "$parallel" bash -c 'import_member "$1"' import <"$members"
