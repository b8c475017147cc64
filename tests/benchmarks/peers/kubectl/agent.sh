#!/usr/bin/env bash
# Imports members into a KubeSphere host by agent connection; common.sh has the arguments.
# Follows section 3 of KubeSphere's "How to Enable the Multi-cluster Feature" by hand, the console's steps as requests.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

# 3.1: the address that was set by hand, or else EXTERNAL-IP of the Service tower. ks-apiserver finds it by itself.
check_proxy_address() {
  local address _
  [ -z "$(field proxyPublishAddress <<<"$HOST_CONFIG")" ] || return 0
  for _ in $(seq 100); do
    address=$(host -n "$SYSTEM" get service tower -o 'jsonpath={.status.loadBalancer.ingress[*].ip}{.status.loadBalancer.ingress[*].hostname}')
    [ -z "$address" ] || return 0
    sleep 1
  done
  fail tower "its EXTERNAL-IP is pending: set proxyPublishAddress, and restart ks-apiserver"
}

# 3.3, steps 1 and 2: the Cluster, which tower then gives ports and a token.
initialise() {
  local name=$1 region=$2 group=$3 provider=$4
  echo '    type: proxy' | manifest "$name" "$region" "$group" "$provider" | host apply -f -
  host wait --for=condition=Initialized --timeout=300s "$CLUSTERS/$name"
}

# tower draws ports without a look at those of others; of two agents with the same ports only one could connect.
has_own_ports() {
  host get "$CLUSTERS" -o 'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.spec.connection.kubernetesAPIServerPort}{"\n"}{end}' |
    awk -F '\t' -v name="$1" '{ port[$1] = $2; count[$2]++ } END { exit count[port[name]] > 1 }'
}

import_by_agent() {
  local name kubeconfig region group provider uid known agent _
  IFS=$'\t' read -r name kubeconfig region group provider <<<"$1"
  uid=$(kubectl --kubeconfig "$kubeconfig" get namespace kube-system -o 'jsonpath={.metadata.uid}')
  known=$(known_member "$name" "$uid" proxy)
  [ -n "$known" ] || check_new_member "$name" "$kubeconfig" "$uid"
  initialise "$name" "$region" "$group" "$provider"
  if [ -z "$known" ]; then
    for _ in $(seq 10); do
      ! has_own_ports "$name" || break
      host delete "$CLUSTERS/$name"
      initialise "$name" "$region" "$group" "$provider"
    done
  fi
  # Step 3: what the console shows is copied to the member, and has to be up and running there.
  agent=$(ask_host "/kapis/cluster.kubesphere.io/v1alpha1/clusters/$name/agent/deployment") ||
    fail "$name" "the host gives out no manifest of its agent"
  kubectl --kubeconfig "$kubeconfig" apply -f - <<<"$agent"
  kubectl --kubeconfig "$kubeconfig" -n "$SYSTEM" rollout status --timeout=300s deployment/cluster-agent
  # Step 4.
  host wait --for=condition=AgentAvailable --timeout=300s "$CLUSTERS/$name"
  host wait --for=condition=Ready --timeout=300s "$CLUSTERS/$name"
  use_through_host "$name"
}

check_proxy_address
export -f initialise has_own_ports
import_members import_by_agent
