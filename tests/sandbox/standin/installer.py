"""The pod ks-installer: a hook that runs the whole installation whenever the ClusterConfiguration's spec changes.

Imitates ks-installer v3.0.0 to v3.4.1 controller/installRunner.py under shell-operator, and of its roles what can be
seen in the cluster afterwards.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import re
import secrets
import string
import tempfile
import threading
import time
import traceback
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sandbox.kubeapi import MERGE_PATCH, STRATEGIC_MERGE_PATCH, ApiError, KubeApi, Object
from tests.sandbox.standin import jwt, manifests, migration, settings
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.runtime import (
    CONFIG_KEY,
    CONFIG_MAP,
    CONNECTION_ERRORS,
    DEPLOYMENTS,
    NAMESPACE,
    NAMESPACE_PATH,
    Listing,
    command_line,
    connect,
    knobs,
    log,
    own_release,
    run,
    stopping,
    until_reachable,
)

CONFIGURATIONS = f"/apis/installer.kubesphere.io/v1alpha1/namespaces/{NAMESPACE}/clusterconfigurations"
CONFIGURATION = f"{CONFIGURATIONS}/ks-installer"
SECRET = f"{NAMESPACE_PATH}/secrets/kubesphere-secret"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RESTARTED = "kubectl.kubernetes.io/restartedAt"

RETRY_SECONDS = 5.0  # shell-operator's pause before it runs a failed hook again
RUNNING_SECONDS = 900.0  # roles/check-result waits 30 times 30 s for pods
FEDERATION_SECONDS = 1800.0  # helm's --timeout in roles/ks-multicluster

# What each phase takes of a run's duration.
SHARES = {
    "preinstall": 0.1,
    "metrics-server": 0.05,
    "common": 0.1,
    "ks-core": 0.2,
    "components": 0.3,
    "ks-config": 0.1,
    "result-info": 0.1,
    "telemetry": 0.05,
}
# Spec key of a component, where its key in the status differs; None: it leaves no status.
STATUS_KEYS = {"metrics_server": "metricsServer", "openpitrix": None, "network": None}
# The value is put unquoted on a shell's command line (roles/ks-core/init-token/tasks/main.yaml).
SHELL_SAFE = re.compile(r"[A-Za-z0-9_.,:/@%+=^][A-Za-z0-9_.,:/@%+=^-]*")
PASSWORD = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).*|\$2[ayb]\$.{56}")


class RunEnded(Exception):
    """The hook ends here with exit code 0, as at ``exit()`` in installRunner.py: no retry, whatever happened."""


class TaskFailed(Exception):
    """An Ansible task failed; the text is its message."""


class Trigger:
    """When the hook runs: the object was added, or its spec changed; what comes during a run makes one more run.

    Imitates the hook's configuration in installRunner.py (events add and update, ``jqFilter: .spec``) under
    shell-operator, which queues events and merges those of the same hook.
    """

    def __init__(self) -> None:
        self._due = threading.Event()

    def changed(self, before: Object | None, after: Object | None) -> None:
        """Take note of a change in the collection."""
        item = after or before
        if item is None or after is None or item["metadata"]["name"] != "ks-installer":
            return
        new = before is None or before["metadata"]["uid"] != after["metadata"]["uid"]
        if new or before is None or before.get("spec") != after.get("spec"):
            self._due.set()

    def wait(self) -> None:
        """Wait for the next run's turn."""
        while not stopping.is_set():
            if self._due.wait(1):
                self.merge()
                return

    def merge(self) -> None:
        """Let the run that begins now stand for every event so far; a repeated run does so, too."""
        self._due.clear()


class Installer:
    """Runs of the hook."""

    def __init__(self, api: KubeApi, release: Release) -> None:
        self.api = api
        self.release = release
        self._spec: dict[str, Any] = {}
        self._status: dict[str, Any] = {}
        self._images: dict[str, str] = {}

    def run_hook(self) -> bool:
        """Run the hook once.

        Returns:
            Whether it ended without an exception; shell-operator repeats it otherwise.
        """
        try:
            self._main()
        except RunEnded:
            pass
        except Exception:
            log(traceback.format_exc())
            log('level=error msg="Hook failed. Will retry after delay." hook=installRunner.py')
            return False
        return True

    def _main(self) -> None:
        found = self.api.find(CONFIGURATION)
        if found is None:
            raise RunEnded
        self._recreate_outdated(found)
        self._spec = found.get("spec") or {}
        self._status = found.get("status") or {}
        self._images = manifests.images(self.release, self._spec)
        self._install_base()
        failed = self._install_components()
        self._finish(failed)

    def _recreate_outdated(self, found: Object) -> None:
        """Imitates generate_new_cluster_configuration: everything but the spec and ``status.clusterId`` is lost."""
        spec, status = found["spec"], found.get("status")
        if not migration.migrate(self.release, spec, status):
            # The original migrates a copy that it drops, and reads the object again.
            found["spec"] = self.api.get(CONFIGURATION)["spec"]
            return
        fresh: Object = {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {"name": "ks-installer", "namespace": NAMESPACE, "labels": {"version": self.release.tag}},
            "spec": spec,
        }
        if status and "clusterId" in status:
            fresh["status"] = {"clusterId": status["clusterId"]}
        self.api.delete(CONFIGURATION)
        log("Delete old cluster configuration successfully")
        self.api.create(CONFIGURATIONS, fresh)
        log("Create cluster configuration successfully")
        raise RunEnded

    # The sequential part: preInstallTasks.

    def _install_base(self) -> None:
        phases: list[tuple[str, Callable[[], None]]] = [
            ("preinstall", self._check_preconditions),
            ("metrics-server", self._install_metrics_server),
            ("common", self._install_common),
            ("ks-core", self._install_core),
        ]
        for phase, action in phases:
            if not self._play(phase, action):
                raise RunEnded

    def _play(self, phase: str, action: Callable[[], None]) -> bool:
        """Run a playbook of the sequential part and log its recap."""
        log(f"PLAY [localhost] {'*' * 63}")
        failure = self._attempt(phase, action, SHARES[phase])
        if failure:
            log(f"fatal: [localhost]: FAILED! => {json.dumps({'changed': False, 'msg': failure})}")
        log(f"PLAY RECAP {'*' * 69}")
        log(f"localhost : ok=9 changed=5 unreachable=0 failed={int(bool(failure))} skipped=3 rescued=0 ignored=0")
        return not failure

    def _attempt(self, phase: str, action: Callable[[], None], share: float) -> str:
        """Do a phase or a component, which takes its share of the run's duration; answer why it failed, or nothing."""
        wanted = knobs("installer")
        if wanted.get("crash") == phase or (wanted.get("crash") is True and phase == "preinstall"):
            log(f"panic: told to crash in {phase}")
            os._exit(1)
        while knobs("installer").get("hang") == phase and not stopping.is_set():
            stopping.wait(0.2)
        # Half before and half after what the phase does: its effects appear while it runs.
        pause = float(wanted.get("duration", 1.5)) * share / 2
        stopping.wait(pause)
        if wanted.get("fail") == phase:
            return str(wanted.get("message", f"told to fail in {phase}"))
        try:
            action()
        except (TaskFailed, settings.MissingValue) as error:
            return str(error)
        except ApiError as error:
            return f"Error from server ({error.reason}): {error.message}"
        except CONNECTION_ERRORS as error:
            return f"Unable to connect to the server: {error}"
        stopping.wait(pause)
        return ""

    def _check_preconditions(self) -> None:
        """Imitates roles/preinstall/tasks/precheck.yaml."""
        if knobs("installer").get("fail") == "precheck":
            raise TaskFailed("told to fail in precheck")
        version = self.api.get("/version")["gitVersion"]
        number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if number < self.release.oldest_kubernetes:
            platform = "k8s" if self.release.line == (3, 0) else "Kubernetes"
            raise TaskFailed(f"The current {platform} version is not supported !")
        self._check_storage_class()
        password = str(self._spec.get("authentication", {}).get("adminPassword") or "")
        if password and self.release.number >= (3, 3, 1) and not PASSWORD.fullmatch(password):
            raise TaskFailed(
                "Admin password must contain at least one number, one lowercase letter, and one uppercase letter."
            )

    def _check_storage_class(self) -> None:
        wanted = (self._spec.get("persistence") or {}).get("storageClass")
        classes = self.api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
        if wanted and wanted not in [item["metadata"]["name"] for item in classes]:
            raise TaskFailed(f"StorageClass {wanted} was not found !")
        defaults = [
            item
            for item in classes
            if (item["metadata"].get("annotations") or {}).get("storageclass.kubernetes.io/is-default-class") == "true"
        ]
        if wanted == "" and not defaults:
            raise TaskFailed("Default StorageClass was not found !")

    def _install_metrics_server(self) -> None:
        if _wants(self._spec, "metrics_server") and not self._installed("metricsServer"):
            self._enabled("metricsServer")

    def _install_common(self) -> None:
        """The stores: each leaves a status when it is wanted and was not there."""
        common = self._spec.get("common") or {}
        stores = [name for name in ("redis", "openldap") if _wants(common, name)]
        if any(_wants(self._spec, part) for part in ("logging", "events", "auditing")):
            stores.append("opensearch" if _wants(common, "opensearch") else "es")
        for store in stores:
            if not self._installed(store):
                self._enabled(store)

    def _install_core(self) -> None:
        """Imitates roles/ks-core: init-token, the chart ks-core, prepare."""
        self._write_secret()
        for definition in manifests.core_definitions(self.release):
            self._apply(definition)
        self._await_definitions()
        if self.release.has_cluster_webhook:
            self._write_webhook()
        else:
            self._write_webhook_certificate()
        replicas = max(1, self._masters())
        for item in manifests.core(self.release, self._spec, replicas):
            self._apply(item)
        self._write_accounts()
        self._patch_status({"core": {"status": "enabled", "enabledTime": _time()}})

    def _write_secret(self) -> None:
        """Imitates roles/ks-core/init-token/tasks/main.yaml."""
        authentication = self._spec.get("authentication")
        if not isinstance(authentication, dict) or "jwtSecret" not in authentication:
            raise TaskFailed(
                "The conditional check 'authentication.jwtSecret == \"\"' failed: no attribute 'jwtSecret'"
            )
        given = str(authentication["jwtSecret"])
        if given and not SHELL_SAFE.fullmatch(given):
            raise TaskFailed("non-zero return code: /bin/sh: jwt.sh: the secret broke the command line")
        secret = given or "".join(secrets.choice(string.ascii_letters + string.digits) for _dummy in range(32))
        if given:
            self.api.delete(SECRET)
        data = {"token": jwt.static_token(secret), "secret": secret}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "kubesphere-secret", "namespace": NAMESPACE},
            "type": "Opaque",
            "data": {key: _encoded(value) for key, value in data.items()},
        }
        self._create(f"{NAMESPACE_PATH}/secrets", body)

    def _write_accounts(self) -> None:
        """The admin is made once (account.yaml looks it up); a password of the user's is kept beside the token."""
        if self.api.find("/apis/iam.kubesphere.io/v1alpha2/users/admin") is None:
            password = self._spec["authentication"].get("adminPassword")
            if password == "":
                password = "".join(random.choices(string.ascii_letters + string.digits, k=16))
            if password and self.release.number >= (3, 3, 1):
                self.api.patch(SECRET, {"data": {"initAdminPassword": _encoded(password)}})
        for item in manifests.accounts():
            self._create(_collection(item), item)

    def _write_webhook(self) -> None:
        self._apply(manifests.webhook(self._write_webhook_certificate()))

    def _write_webhook_certificate(self) -> bytes:
        """A new authority and certificate at every run, as helm's genCA makes them (templates/webhook.yaml)."""
        # Imported here: only runs need it, and it doubles what the idle process takes.
        from tests.sandbox.certificates import Authority

        service = f"ks-controller-manager.{NAMESPACE}"
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(Path(folder, "ks-controller-manager-ca"))
            pair = authority.server("ks-core-admission-webhook", (service, f"{service}.svc"), ())
            certificate = authority.certificate
        content = {"ca.crt": certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
        self._apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": manifests.WEBHOOK_CERTIFICATE, "namespace": NAMESPACE},
                "type": "Opaque",
                "data": {key: b64encode(value).decode() for key, value in content.items()},
            }
        )
        return certificate

    def _await_definitions(self) -> None:
        """Wait until what the accounts are made of is served."""
        deadline = time.monotonic() + 30
        for item in manifests.accounts():
            while self.api.find(_collection(item)) is None:
                if time.monotonic() > deadline or stopping.is_set():
                    raise TaskFailed(f'no matches for kind "{item["kind"]}" in version "{item["apiVersion"]}"')
                stopping.wait(0.1)

    # The parallel part: getResultInfo.

    def _install_components(self) -> bool:
        """Install the optional components; answer whether one failed, which changes nothing but the log."""
        names = ["monitoring", "multicluster", "openpitrix", "network"]
        names += [key for key, value in self._spec.items() if isinstance(value, dict) and value.get("enabled")]
        names = [name for name in names if name not in ("metrics_server", "networkpolicy", "telemetry")]
        for name in names:
            log(f"Start installing {name}")
        log("*" * 50)
        log("Waiting for all tasks to be completed ...")
        failures = {}
        # Parallel in the original; nothing here takes long enough for that.
        for count, name in enumerate(names, 1):
            failures[name] = self._attempt(name, self._component(name), SHARES["components"] / len(names))
            state = "failed" if failures[name] else "successful"
            log(f"task {name} status is {state}  ({count}/{len(names)})")
        log("*" * 50)
        log("Collecting installation results ...")
        for name, failure in failures.items():
            if failure:
                log(f"\nTask '{name}' failed:\n{'*' * 150}")
                event = {"event": "runner_on_failed", "event_data": {"res": {"msg": failure}, "role": name}}
                log(json.dumps(event, sort_keys=True, indent=2) + "\n" + "*" * 150)
        return any(failures.values())

    def _component(self, name: str) -> Callable[[], None]:
        if name == "multicluster":
            return self._install_multicluster
        key = STATUS_KEYS.get(name, name)

        def install() -> None:
            if key and not self._installed(key):
                self._enabled(key)
                if name == "events":
                    self._patch_status({"events": {"ruler": {"status": "enabled", "enabledTime": _time()}}})

        return install

    def _install_multicluster(self) -> None:
        """Imitates playbooks/multicluster.yaml and roles/ks-multicluster/tasks/main.yml: hosts only, and once."""
        if (self._spec.get("multicluster") or {}).get("clusterRole") != "host" or self._installed("multicluster"):
            return
        for item in manifests.tower(self.release, self._spec):
            try:
                self._apply(item)
            except ApiError as error:
                log(f"tower: ignored: {error}")
        nodes = self.api.get("/api/v1/nodes")["items"]
        for item in [
            *manifests.federation(self.release, self._spec, len(nodes)),
            *manifests.federation_definitions(self.release),
        ]:
            self._apply(item)
        folder = f"/apis/apps/v1/namespaces/{manifests.FEDERATION}/deployments"
        for name in ("kubefed-controller-manager", "kubefed-admission-webhook"):
            self._await_deployment(f"{folder}/{name}")
        self.api.patch(
            f"/api/v1/namespaces/{manifests.FEDERATION}",
            {"metadata": {"labels": {"kubesphere.io/workspace": "system-workspace"}}},
        )
        self._enabled("multicluster")

    def _await_deployment(self, path: str) -> None:
        deadline = time.monotonic() + FEDERATION_SECONDS
        while time.monotonic() < deadline and not stopping.is_set():
            found = self.api.get(path)
            if (found.get("status") or {}).get("availableReplicas", 0) >= found["spec"]["replicas"]:
                return
            stopping.wait(0.2)
        raise TaskFailed("Error: timed out waiting for the condition")

    # The end: resultInfo.

    def _finish(self, failed: bool) -> None:
        for phase, action in (("ks-config", self._write_settings), ("result-info", self._check_result)):
            failure = self._attempt(phase, action, SHARES[phase])
            if failure:
                log(failure)
                log(f"Failed to ansible-playbook {phase}.yaml")
                raise RunEnded
        if not failed:
            self._welcome()
        self._attempt("telemetry", self._write_cluster_id, SHARES["telemetry"])

    def _write_settings(self) -> None:
        """Imitates roles/ks-core/config: render and apply kubesphere-config, before 3.3 restart what reads it."""
        secret = b64decode(self.api.get(SECRET)["data"]["secret"]).decode()
        try:
            document = settings.render(self.release, self._spec, secret, self._images)
        except KeyError as error:
            raise TaskFailed(f"'dict object' has no attribute {error}") from error
        before = self.api.find(CONFIG_MAP)
        self._apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "kubesphere-config", "namespace": NAMESPACE},
                "data": {CONFIG_KEY: document},
            }
        )
        if before is not None and LAST_APPLIED not in (before["metadata"].get("annotations") or {}):
            # kubectl applies, but warns on stderr, which the task takes for a failure.
            raise TaskFailed(f"Warning: resource configmaps/kubesphere-config is missing the {LAST_APPLIED} annotation")
        if not self.release.reloads_configuration:
            for name in ("ks-apiserver", "ks-controller-manager"):
                self._restart(name)

    def _restart(self, name: str) -> None:
        """Imitates ``kubectl rollout restart`` in roles/ks-core/config/tasks/ks-restart.yaml (until 3.2)."""
        template = {"metadata": {"annotations": {RESTARTED: _time()}}}
        self.api.patch(f"{DEPLOYMENTS}/{name}", {"spec": {"template": template}}, STRATEGIC_MERGE_PATCH)

    def _check_result(self) -> None:
        """Imitates playbooks/result-info.yaml: kubesphere-config once more, then roles/check-result."""
        self._write_settings()
        for name in ("ks-console", "ks-apiserver"):
            self._await_running(name)
        if self.release.writes_core_version:
            version = manifests.installed_version(self.release, self._spec)
            self._patch_status({"core": {"version": version}})

    def _await_running(self, name: str) -> None:
        deadline = time.monotonic() + RUNNING_SECONDS
        while time.monotonic() < deadline and not stopping.is_set():
            pods = self.api.get(f"{NAMESPACE_PATH}/pods")["items"]
            if any(pod["metadata"]["name"].startswith(name) and _is_running(pod) for pod in pods):
                return
            stopping.wait(0.2)
        raise TaskFailed(f"KubeSphere | Waiting for {name}: no pod is Running after {RUNNING_SECONDS:.0f} s")

    def _welcome(self) -> None:
        node = self.api.get("/api/v1/nodes")["items"][0]
        address = next((a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"), "")
        port = self.api.get(f"{NAMESPACE_PATH}/services/ks-console")["spec"]["ports"][0].get("nodePort", "")
        log("#" * 53)
        log("###              Welcome to KubeSphere!           ###")
        log("#" * 53)
        log(f"\nConsole: http://{address}:{port}\nAccount: admin\n")
        log(f"https://kubesphere.io             {datetime.datetime.now():%Y-%m-%d %H:%M:%S}")
        log("#" * 53)

    def _write_cluster_id(self) -> None:
        """Imitates roles/telemetry/tasks/main.yaml without its report home."""
        if not self._spec.get("telemetry_enabled", True):
            return
        if not (self.api.get(CONFIGURATION).get("status") or {}).get("clusterId"):
            self._patch_status({"clusterId": f"{uuid.uuid4()}-{int(time.time())}"})

    # Small steps.

    def _installed(self, component: str) -> bool:
        """By the status as it was at the run's start (ks-status.json)."""
        return (self._status.get(component) or {}).get("status") == "enabled"

    def _enabled(self, component: str) -> None:
        self._patch_status({component: {"status": "enabled", "enabledTime": _time()}})

    def _patch_status(self, status: dict[str, Any]) -> None:
        self.api.patch(CONFIGURATION, {"status": status}, MERGE_PATCH)

    def _masters(self) -> int:
        nodes = self.api.get("/api/v1/nodes")["items"]
        return sum("node-role.kubernetes.io/master" in (node["metadata"].get("labels") or {}) for node in nodes)

    def _create(self, collection: str, item: Object) -> None:
        try:
            self.api.create(collection, item)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _apply(self, item: Object) -> None:
        """What ``kubectl apply`` does with a manifest whose fields never go away."""
        collection, name = _collection(item), item["metadata"]["name"]
        applied = json.dumps(item, separators=(",", ":")) + "\n"
        annotations = dict(item["metadata"].get("annotations") or {})
        if item["kind"] != "CustomResourceDefinition":  # whose schema may be larger than an annotation
            annotations[LAST_APPLIED] = applied
        body = {**item, "metadata": {**item["metadata"], "annotations": annotations}}
        if self.api.find(f"{collection}/{name}") is None:
            self._create(collection, body)
        else:
            self.api.patch(f"{collection}/{name}", body, STRATEGIC_MERGE_PATCH)


def _collection(item: Object) -> str:
    version, namespace = item["apiVersion"], item["metadata"].get("namespace")
    prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = item["kind"].lower() + "s"
    return f"{prefix}/namespaces/{namespace}/{plural}" if namespace else f"{prefix}/{plural}"


def _is_running(pod: Object) -> bool:
    """Whether kubectl's column STATUS says Running."""
    states = (pod.get("status") or {}).get("containerStatuses") or []
    return bool(
        pod["metadata"].get("deletionTimestamp") is None
        and states
        and all("running" in (state.get("state") or {}) for state in states)
    )


def _wants(section: dict[str, Any], component: str) -> bool:
    return bool((section.get(component) or {}).get("enabled"))


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _time() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SUTC")


def main() -> None:
    """Wait for events and run the hook, one run at a time."""
    arguments = command_line("plays the pod ks-installer")
    api = connect("ks-installer")
    release = until_reachable(lambda: own_release(api, "ks-installer", arguments.release))
    log(f"shell-operator started, hook installRunner.py, installer {release.tag}")
    installer, trigger = Installer(api, release), Trigger()
    Listing(api, CONFIGURATIONS, trigger.changed)
    while not stopping.is_set():
        trigger.wait()
        while not stopping.is_set() and not installer.run_hook():
            stopping.wait(float(knobs("installer").get("retry", RETRY_SECONDS)))
            trigger.merge()


if __name__ == "__main__":
    run(main)
