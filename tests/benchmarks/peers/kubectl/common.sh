# shellcheck shell=bash
# What the imports with kubectl, openssl and curl share. Sourced by direct.sh and agent.sh, which are called so:
#
#   SCRIPT HOST_KUBECONFIG MEMBERS PARALLEL
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

# Refuses a cluster that cannot become a member, whatever connects it.
check_new_member() {
  local name=$1 kubeconfig=$2 uid=$3 config other
  other=$(awk -F '\t' -v uid="$uid" '$2 == uid { print $1 }' <<<"$KNOWN")
  [ -z "$other" ] || fail "$name" "it is imported already, as $other"
  config=$(configuration "$kubeconfig")
  [ "$(field clusterRole <<<"$config")" = member ] || fail "$name" "KubeSphere does not run here as member"
  [ "$(field jwtSecret <<<"$config")" = "$JWT_SECRET" ] || fail "$name" "its jwtSecret differs from the host's"
  kubectl --kubeconfig "$kubeconfig" get --raw "$KS_APISERVER/kapis/version" >/dev/null ||
    fail "$name" "its ks-apiserver does not answer"
}

# The line of KNOWN of a member that is imported already; refuses to lead its Cluster to another cluster.
known_member() {
  local name=$1 uid=$2 wanted=$3 known known_uid kind
  known=$(awk -F '\t' -v name="$name" '$1 == name' <<<"$KNOWN")
  [ -n "$known" ] || return 0
  IFS=$'\t' read -r _ known_uid kind <<<"$known"
  [ -z "$known_uid" ] || [ "$known_uid" = "$uid" ] || fail "$name" "the Cluster of this name is another cluster"
  [ "$kind" = "$wanted" ] || fail "$name" "it is imported by connection $kind"
  echo "$known"
}

# A Cluster without what its connection consists of, which is indented by four and read from stdin. It has the cluster
# controller's finalizer from the beginning: a script is quick enough for tower to draw ports twice otherwise.
manifest() {
  local name=$1 region=$2 group=$3 provider=$4
  cat <<YAML
apiVersion: cluster.kubesphere.io/v1alpha1
kind: Cluster
metadata:
  name: $name
  finalizers: [finalizer.cluster.kubesphere.io]
  labels:
    cluster.kubesphere.io/region: $region
    cluster.kubesphere.io/group: $group
spec:
  enable: true
  joinFederation: true
  provider: $provider
  connection:
$(cat)
YAML
}

# Asks the host's ks-apiserver as its admin, until it answers. kubectl itself cannot send the header.
ask_host() {
  local _
  for _ in $(seq 100); do
    printf 'X-KubeSphere-Authorization: Bearer %s' "$TOKEN" |
      curl -sf -H @- --unix-socket "$SOCKET" "http://localhost$KS_APISERVER$1" && return
    sleep 0.2
  done
  return 1
}

# Uses the member through the host, which a wrong jwtSecret shows in.
use_through_host() {
  ask_host "/api/clusters/$1/v1/nodes?limit=1" >/dev/null || fail "$1" "it cannot be used through the host"
}

# Calls a function for every member, PARALLEL at a time, with its line as the argument.
import_members() {
  # shellcheck disable=SC2163  # the name of the function
  export -f "$1"
  # shellcheck disable=SC2016  # $1 and $2 are the inner shell's
  xargs -d '\n' -n 1 -P "$parallel" bash -c 'set -euo pipefail; "$1" "$2"' import "$1" <"$members"
}

work=$(mktemp -d)
SOCKET=$work/socket
host proxy --unix-socket="$SOCKET" >/dev/null &
trap 'kill $!; rm -rf "$work"' EXIT

HOST_CONFIG=$(configuration "$HOST_KUBECONFIG")
JWT_SECRET=$(field jwtSecret <<<"$HOST_CONFIG")
TOKEN=$("$(dirname "$0")/../admin-token.sh" <<<"$JWT_SECRET")
KNOWN=$(host get "$CLUSTERS" -o 'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.uid}{"\t"}{.spec.connection.type}{"\n"}{end}')
export SOCKET JWT_SECRET TOKEN KNOWN
export -f fail host configuration field check_new_member known_member manifest ask_host use_through_host
