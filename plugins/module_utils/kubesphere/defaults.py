# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ClusterConfiguration's spec as each release ships it; private to the collection.

Figures and keys of deploy/cluster-configuration.yaml in kubesphere/ks-installer at the release's tag. The first release
is whole, every further one is an RFC 7386 merge patch of its predecessor (None removes a key).
"""

from __future__ import annotations

from typing import Any

SPECS: dict[str, dict[str, Any]] = {
    "v3.0.0": {
        "persistence": {"storageClass": ""},
        "authentication": {"jwtSecret": ""},
        "etcd": {"monitoring": False, "endpointIps": "localhost", "port": 2379, "tlsEnable": True},
        "common": {
            "mysqlVolumeSize": "20Gi",
            "minioVolumeSize": "20Gi",
            "etcdVolumeSize": "20Gi",
            "openldapVolumeSize": "2Gi",
            "redisVolumSize": "2Gi",  # spelled so up to 3.1
            "es": {
                "elasticsearchMasterVolumeSize": "4Gi",
                "elasticsearchDataVolumeSize": "20Gi",
                "logMaxAge": 7,
                "elkPrefix": "logstash",
            },
        },
        "console": {"enableMultiLogin": True, "port": 30880},
        "alerting": {"enabled": False},
        "auditing": {"enabled": False},
        "devops": {
            "enabled": False,
            "jenkinsMemoryLim": "2Gi",
            "jenkinsMemoryReq": "1500Mi",
            "jenkinsVolumeSize": "8Gi",
            "jenkinsJavaOpts_Xms": "512m",
            "jenkinsJavaOpts_Xmx": "512m",
            "jenkinsJavaOpts_MaxRAM": "2g",
        },
        "events": {"enabled": False, "ruler": {"enabled": True, "replicas": 2}},
        "logging": {"enabled": False, "logsidecarReplicas": 2},
        "metrics_server": {"enabled": False},
        "monitoring": {"prometheusMemoryRequest": "400Mi", "prometheusVolumeSize": "20Gi"},
        "multicluster": {"clusterRole": "none"},
        "networkpolicy": {"enabled": False},
        "notification": {"enabled": False},
        "openpitrix": {"enabled": False},
        "servicemesh": {"enabled": False},
    },
    "v3.1.0": {
        "local_registry": "",
        "common": {
            "mysqlVolumeSize": None,
            "etcdVolumeSize": None,
            "redis": {"enabled": False},
            "openldap": {"enabled": False},
            "monitoring": {"endpoint": "http://prometheus-operated.kubesphere-monitoring-system.svc:9090"},
            "es": {
                "basicAuth": {"enabled": False, "username": "", "password": ""},
                "externalElasticsearchUrl": "",
                "externalElasticsearchPort": "",
            },
        },
        "logging": {"logsidecarReplicas": None, "logsidecar": {"enabled": True, "replicas": 2}},
        "monitoring": {"storageClass": ""},
        "networkpolicy": None,  # now a part of network
        "network": {"networkpolicy": {"enabled": False}, "ippool": {"type": "none"}, "topology": {"type": "none"}},
        "notification": None,
        "openpitrix": {"enabled": None, "store": {"enabled": False}},
        "kubeedge": {
            "enabled": False,
            "cloudCore": {
                "nodeSelector": {"node-role.kubernetes.io/worker": ""},
                "tolerations": [],
                "cloudhubPort": "10000",
                "cloudhubQuicPort": "10001",
                "cloudhubHttpsPort": "10002",
                "cloudstreamPort": "10003",
                "tunnelPort": "10004",
                "cloudHub": {"advertiseAddress": [""], "nodeLimit": "100"},
                "service": {
                    "cloudhubNodePort": "30000",
                    "cloudhubQuicNodePort": "30001",
                    "cloudhubHttpsNodePort": "30002",
                    "cloudstreamNodePort": "30003",
                    "tunnelNodePort": "30004",
                },
            },
            "edgeWatcher": {
                "nodeSelector": {"node-role.kubernetes.io/worker": ""},
                "tolerations": [],
                "edgeWatcherAgent": {"nodeSelector": {"node-role.kubernetes.io/worker": ""}, "tolerations": []},
            },
        },
    },
    "v3.1.1": {},
    "v3.2.0": {
        "console": None,  # now a part of common.core
        "common": {
            "core": {"console": {"enableMultiLogin": True, "port": 30880, "type": "NodePort"}},
            "redisVolumSize": None,
            "redis": {"volumeSize": "2Gi"},
            "openldapVolumeSize": None,
            "openldap": {"volumeSize": "2Gi"},
            "minioVolumeSize": None,
            "minio": {"volumeSize": "20Gi"},
            "monitoring": {"GPUMonitoring": {"enabled": False}},
            "gpu": {"kinds": [{"resourceName": "nvidia.com/gpu", "resourceType": "GPU", "default": True}]},
            "es": {"elasticsearchMasterVolumeSize": None, "elasticsearchDataVolumeSize": None},
        },
        "events": {"ruler": None},
        "logging": {"containerruntime": "docker"},
        "monitoring": {
            "prometheusMemoryRequest": None,
            "prometheusVolumeSize": None,
            "gpu": {"nvidia_dcgm_exporter": {"enabled": False}},
        },
    },
    "v3.2.1": {},
    "v3.3.0": {
        "common": {
            "redis": {"enableHA": False},
            "es": {"externalElasticsearchUrl": None, "externalElasticsearchHost": ""},
        },
        "devops": {"jenkinsJavaOpts_Xms": "1200m", "jenkinsJavaOpts_Xmx": "1600m"},
        "logging": {"containerruntime": None},
        "monitoring": {"node_exporter": {"port": 9100}},
        "servicemesh": {
            "istio": {
                "components": {
                    "ingressGateways": [{"name": "istio-ingressgateway", "enabled": False}],
                    "cni": {"enabled": False},
                },
            },
        },
        "kubeedge": None,  # now a part of edgeruntime
        "edgeruntime": {
            "enabled": False,
            "kubeedge": {
                "enabled": False,
                "cloudCore": {
                    "cloudHub": {"advertiseAddress": [""]},
                    "service": {
                        "cloudhubNodePort": "30000",
                        "cloudhubQuicNodePort": "30001",
                        "cloudhubHttpsNodePort": "30002",
                        "cloudstreamNodePort": "30003",
                        "tunnelNodePort": "30004",
                    },
                },
                "iptables-manager": {"enabled": True, "mode": "external"},
            },
        },
        "gatekeeper": {"enabled": False},
        "terminal": {"timeout": 600},  # seconds
    },
    "v3.3.1": {
        "devops": {
            "jenkinsMemoryLim": "8Gi",
            "jenkinsMemoryReq": "4Gi",
            "jenkinsJavaOpts_Xms": None,
            "jenkinsJavaOpts_Xmx": None,
            "jenkinsJavaOpts_MaxRAM": None,
        },
    },
    "v3.3.2": {"devops": {"jenkinsMemoryLim": "4Gi", "jenkinsMemoryReq": "2Gi"}},
    "v3.4.0": {
        # OpenSearch takes the place of Elasticsearch as the store of logs, events and audit records.
        "common": {
            "es": {"enabled": False},
            "opensearch": {
                "enabled": True,
                "logMaxAge": 7,
                "opensearchPrefix": "whizard",
                "basicAuth": {"enabled": True, "username": "admin", "password": "admin"},
                "externalOpensearchHost": "",
                "externalOpensearchPort": "",
                "dashboard": {"enabled": False},
            },
        },
        "devops": {
            "jenkinsCpuReq": 0.5,
            "jenkinsCpuLim": 1,
            "jenkinsMemoryReq": "4Gi",
            "jenkinsVolumeSize": "16Gi",
        },
        "events": {"ruler": {"enabled": True, "replicas": 2}},
    },
    "v3.4.1": {},
}
"""By release, oldest first: the spec or what changes in it."""
