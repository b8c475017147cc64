"""Stand-ins for what KubeSphere's own pods do, release lines 3.0 to 3.4, so far as multi-cluster management sees it.

Each program is one pod's process: ``python -m tests.sandbox.standin.installer`` (ks-installer), ``….controller``
(ks-controller-manager) and ``….apiserver`` (ks-apiserver). They share nothing with the collection, and each docstring
names the code that it imitates. Tests steer them through ``$SANDBOX_STATE/standin.json``, see `runtime.knobs`.
"""
