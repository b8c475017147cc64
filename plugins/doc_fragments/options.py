# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """How clusters are reached, and what is installed in them."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster, as a path, as its text, or as a mapping.
      - If neither this nor O(host) is set, E(KUBECONFIG) and then C(~/.kube/config) are used.
      - Can also be set by E(K8S_AUTH_KUBECONFIG).
    type: raw
  context:
    description:
      - Context of the kubeconfig; its current one if this is not set.
      - Can also be set by E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - URL of the API server. It overrides the kubeconfig's.
      - Can also be set by E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Bearer token. It overrides the kubeconfig's credential.
      - Can also be set by E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - User for basic authentication.
      - Can also be set by E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - Password for basic authentication.
      - Can also be set by E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether the API server's certificate is verified.
      - It is, unless this or the kubeconfig says otherwise.
      - Can also be set by E(K8S_AUTH_VALIDATE_CERTS) or E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate authority of the API server.
      - Can also be set by E(K8S_AUTH_CA_CERT) or E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - File with a client certificate.
      - Can also be set by E(K8S_AUTH_CLIENT_CERT) or E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - File with the key of O(client_cert).
      - Can also be set by E(K8S_AUTH_CLIENT_KEY) or E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy.
      - Can also be set by E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Hosts and domains that are reached without O(proxy), separated by commas.
      - Can also be set by E(K8S_AUTH_NO_PROXY).
    type: str
  proxy_headers:
    description:
      - Headers for the proxy.
    type: dict
    suboptions:
      basic_auth:
        description: User and password for the proxy, C(user:password).
        type: str
      proxy_basic_auth:
        description: User and password for the proxy, C(user:password). It overrides O(proxy_headers.basic_auth).
        type: str
      user_agent:
        description: User agent that the proxy sees.
        type: str
  impersonate_user:
    description:
      - User to act as.
      - Can also be set by E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Groups to act as.
      - Can also be set by E(K8S_AUTH_IMPERSONATE_GROUPS).
    type: list
    elements: str
  request_timeout:
    description:
      - Seconds that one request may take, and for which one that could not be delivered is tried again.
    type: int
    default: 30
  cluster_name:
    description:
      - Name of the cluster; messages and results call it so.
      - By default the name of the inventory host.
    type: str
"""

    PLUGIN = r"""
options:
  kubeconfig:
    env:
      - name: K8S_AUTH_KUBECONFIG
    ini:
      - section: kubesphere_multicluster
        key: kubeconfig
  context:
    env:
      - name: K8S_AUTH_CONTEXT
    ini:
      - section: kubesphere_multicluster
        key: context
  host:
    env:
      - name: K8S_AUTH_HOST
    ini:
      - section: kubesphere_multicluster
        key: host
  api_key:
    env:
      - name: K8S_AUTH_API_KEY
  username:
    env:
      - name: K8S_AUTH_USERNAME
  password:
    env:
      - name: K8S_AUTH_PASSWORD
  validate_certs:
    env:
      - name: K8S_AUTH_VALIDATE_CERTS
      - name: K8S_AUTH_VERIFY_SSL
    ini:
      - section: kubesphere_multicluster
        key: validate_certs
  ca_cert:
    env:
      - name: K8S_AUTH_CA_CERT
      - name: K8S_AUTH_SSL_CA_CERT
    ini:
      - section: kubesphere_multicluster
        key: ca_cert
  client_cert:
    env:
      - name: K8S_AUTH_CLIENT_CERT
      - name: K8S_AUTH_CERT_FILE
    ini:
      - section: kubesphere_multicluster
        key: client_cert
  client_key:
    env:
      - name: K8S_AUTH_CLIENT_KEY
      - name: K8S_AUTH_KEY_FILE
    ini:
      - section: kubesphere_multicluster
        key: client_key
  proxy:
    env:
      - name: K8S_AUTH_PROXY
    ini:
      - section: kubesphere_multicluster
        key: proxy
  no_proxy:
    env:
      - name: K8S_AUTH_NO_PROXY
    ini:
      - section: kubesphere_multicluster
        key: no_proxy
  impersonate_user:
    env:
      - name: K8S_AUTH_IMPERSONATE_USER
  impersonate_groups:
    env:
      - name: K8S_AUTH_IMPERSONATE_GROUPS
"""

    HOST_CLUSTER = r"""
options:
  host_cluster:
    description:
      - How the host of the fleet is reached.
      - Takes the same options as the task's own cluster, but nothing from environment variables.
    type: dict
    suboptions:
      name:
        description: What messages call the host.
        type: str
        default: host
      kubeconfig:
        description:
          - Kubeconfig of the cluster, as a path, as its text, or as a mapping.
          - If neither this nor O(host_cluster.host) is set, E(KUBECONFIG) and then C(~/.kube/config) are used.
        type: raw
      context:
        description:
          - Context of the kubeconfig; its current one if this is not set.
        type: str
      host:
        description:
          - URL of the API server. It overrides the kubeconfig's.
        type: str
      api_key:
        description:
          - Bearer token. It overrides the kubeconfig's credential.
        type: str
      username:
        description:
          - User for basic authentication.
        type: str
      password:
        description:
          - Password for basic authentication.
        type: str
      validate_certs:
        description:
          - Whether the API server's certificate is verified.
          - It is, unless this or the kubeconfig says otherwise.
        type: bool
        aliases: [verify_ssl]
      ca_cert:
        description:
          - File with the certificate authority of the API server.
        type: path
        aliases: [ssl_ca_cert]
      client_cert:
        description:
          - File with a client certificate.
        type: path
        aliases: [cert_file]
      client_key:
        description:
          - File with the key of O(host_cluster.client_cert).
        type: path
        aliases: [key_file]
      proxy:
        description:
          - URL of an HTTP proxy.
        type: str
      no_proxy:
        description:
          - Hosts and domains that are reached without O(host_cluster.proxy), separated by commas.
        type: str
      proxy_headers:
        description:
          - Headers for the proxy.
        type: dict
        suboptions:
          basic_auth:
            description: User and password for the proxy, C(user:password).
            type: str
          proxy_basic_auth:
            description:
              - User and password for the proxy, C(user:password). It overrides
                O(host_cluster.proxy_headers.basic_auth).
            type: str
          user_agent:
            description: User agent that the proxy sees.
            type: str
      impersonate_user:
        description:
          - User to act as.
        type: str
      impersonate_groups:
        description:
          - Groups to act as.
        type: list
        elements: str
      request_timeout:
        description:
          - Seconds that one request may take, and for which one that could not be delivered is tried again.
        type: int
        default: 30
"""

    MEMBER_KUBECONFIG = r"""
options:
  member_kubeconfig:
    description:
      - Kubeconfig that KubeSphere is to use for this member, as a path, text or mapping.
      - By default the one by which the task itself reaches the member.
      - The contents of files that it names are put into it. It must not need a credential plugin, unless O(credential)
        is another than V(given).
    type: raw
  member_context:
    description: Context of O(member_kubeconfig).
    type: str
  api_server:
    description:
      - URL under which the host's pods reach the member's API server.
      - By default the server of the kubeconfig.
    type: str
  credential:
    description:
      - Which credential KubeSphere gets for a member of the direct connection.
      - V(given) is that of the kubeconfig. The others are made on the member and renewed; V(token) is one that expires,
        V(token_secret) one that never does, V(certificate) is a client certificate.
      - V(auto) is V(given) where KubeSphere can use it, else V(token), or V(certificate) where the host's release
        takes no tokens.
    type: str
    default: given
    choices: [given, auto, token, token_secret, certificate]
"""

    AGENT = r"""
options:
  proxy_address:
    description:
      - URL under which this member's agent calls the host's tower.
      - By default the address in force on the host, proxyPublishAddress or that of the load balancer.
    type: str
  registry:
    description: Private registry for the agent's image, C(host[:port][/path]).
    type: str
  pull_secrets:
    description: Names of Secrets in kubesphere-system of the member with which the agent's image is pulled.
    type: list
    elements: str
    default: []
  agent:
    description: Settings of the agent's Deployment. Those that are not named stay as they are.
    type: dict
    default: {}
    suboptions:
      image:
        description: Image of the agent. By default the one that the host gives out (C(multicluster.agentImage)).
        type: str
      replicas:
        description: Number of agents; tower spreads the requests over them.
        type: int
      environment:
        description: Environment variables, for example C(HTTPS_PROXY) and C(NO_PROXY).
        type: dict
        default: {}
      tolerations:
        description: Tolerations of its pods.
        type: list
        elements: dict
        default: []
      node_selector:
        description: Labels of the nodes that it may run on.
        type: dict
        default: {}
  agent_manifest_source:
    description:
      - Who makes the agent's manifest. V(collection) makes it from the host's objects, V(ks_apiserver) asks the host's
        ks-apiserver for it, as the console does. The agents are the same.
    type: str
    default: collection
    choices: [collection, ks_apiserver]
"""

    INSTALLATION = r"""
options:
  release:
    description: Release of KubeSphere.
    type: str
    default: v3.4.1
    choices: [v3.0.0, v3.1.0, v3.1.1, v3.2.0, v3.2.1, v3.3.0, v3.3.1, v3.3.2, v3.4.0, v3.4.1]
  cluster_role:
    description: Role of the cluster in its fleet; it becomes C(multicluster.clusterRole).
    type: str
    required: true
    choices: [host, member]
  configuration:
    description:
      - Values for the C(spec) of the ClusterConfiguration, laid over the release's own.
      - Mappings are merged, lists and scalars replace. Keys that the release does not know pass through.
      - In an installed cluster they are laid over what stands there; what they do not name stays.
    type: dict
    default: {}
  jwt_secret:
    description:
      - Secret that the whole fleet signs its tokens with, letters and digits.
      - By default the host's. A host that is installed for the first time gets a random one, which it keeps.
    type: str
  host_cluster_name:
    description:
      - Name of the host's own Cluster; used for a host only, before its first installation, from v3.2.0 on.
      - KubeSphere calls it V(host) if this is not set.
    type: str
  registry:
    description: Private registry for all images, C(host[:port][/path]).
    type: str
  image_namespace:
    description: Repository prefix that replaces that of every image; from v3.1.0 on.
    type: str
  pull_secrets:
    description: Names of Secrets in kubesphere-system with which the installer's image is pulled.
    type: list
    elements: str
    default: []
  manifest:
    description:
      - Your own installation manifest, in place of the release's that the collection has, with the installer's objects,
        the ClusterConfiguration or both.
      - A file, a URL, or the text.
      - O(configuration), O(cluster_role) and O(jwt_secret) are laid over its ClusterConfiguration.
    type: str
"""
